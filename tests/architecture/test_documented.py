"""What exists is documented, and what is documented exists."""

import re
from pathlib import Path

import pytest

from appliance.app import create_app
from appliance.settings import PREFIX, Settings
from schemas.errors import Refusal, TaskRefusal

ROOT = Path(__file__).parents[2]


def shown(value: object) -> str:
    """A default as the table of settings writes it."""
    if value is None or value == ():
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(shown, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def test_every_setting_is_in_the_table() -> None:
    """docs/settings.md has one row per setting, with its default and its description, and no other."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "the user's data folder" if field.default_factory else shown(field.default)
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    written = [line for line in (ROOT / "docs/settings.md").read_text().splitlines() if line.startswith(f"| `{PREFIX}")]
    assert written == rows


def test_every_endpoint_is_documented(tmp_path: Path) -> None:
    """docs/api.md names every route that the application serves."""
    app = create_app(Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1"))
    text = (ROOT / "docs/api.md").read_text()
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert sorted(routes) == sorted(re.findall(r"^#+ `((?:GET|POST|DELETE) [^`]+)`", text, re.MULTILINE))


def descendants(kind: type) -> set[type]:
    return {kind} | {found for child in kind.__subclasses__() for found in descendants(child)}


@pytest.mark.parametrize("kind", sorted(descendants(Refusal) - {Refusal, TaskRefusal}, key=lambda kind: kind.__name__))
def test_every_error_type_is_documented(kind: type[Refusal]) -> None:
    """docs/errors.md names the type of every refusal, and the kind of every detail."""
    text = (ROOT / "docs/errors.md").read_text()
    assert f"`{kind.type}`" in text
    if issubclass(kind, TaskRefusal) and kind.kind not in {"internal", "input"}:
        assert f"`{kind.kind}`" in text
