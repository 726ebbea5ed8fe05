"""The description of a running appliance: where it is found, and that what it says is true."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.description import examples
from appliance.description.assets import ASSETS
from appliance.description.routes import ROUTES
from appliance.settings import Settings, child_environment
from schemas import voiceprint
from schemas.technologies import technologies
from tests.conftest import API, RECORDINGS, Appliance, ended, running
from tests.integration.models_folder import with_networks_of
from tests.integration.record_examples import recorded
from tests.made_keys import made_keys
from tests.unit.appliance.description.checking import document, fault, schema_of
from tests.unit.onnx_models.heads.made_heads import constant, write_head

DONE = [name for name, declared in technologies().items() if declared.missing is None]


@pytest.fixture(scope="module")
def able(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An appliance that has a head for age as well, so that it can do all that is declared."""
    models = with_networks_of(models_dir, tmp_path_factory.mktemp("models"))
    card = write_head(tmp_path_factory.mktemp("brought"), constant(33.0))
    own = {"http_port": 0, "grpc": "off", "workers": 1, "models_dir": models}
    settings = Settings.model_validate(own | {"data_dir": tmp_path_factory.mktemp("data")})
    adding = [Path(sys.executable).with_name("voiceprint"), "heads", "add", card]
    subprocess.run(adding, env=child_environment(settings), check=True, capture_output=True)
    with running(settings) as started, started.client() as opened:
        yield opened


def shown(path: str, method: str = "get", status: int = 200) -> dict[str, Any]:
    """The schema of an answer."""
    answer = schema_of(document()["paths"][path][method]["responses"][str(status)])
    return dict(answer["content"]["application/json"]["schema"])


def test_served_without_a_key(start_appliance: Callable[..., Appliance], tmp_path: Path) -> None:
    """The description, its page and what that is made of are open as health is, and the description names the keys;
    all else needs one."""
    (key,) = made_keys(tmp_path / "data", "reader")
    with start_appliance().client() as client:
        found = client.get("/openapi.json").json()
        assert found["components"]["securitySchemes"].keys() == {"bearer", "key"}
        for path in ("/docs", *(f"/docs/{name}" for name in ASSETS)):
            assert client.get(path).status_code == 200
        assert client.get("/docs/other.js").status_code == 401
        refused = client.get("/api/system/info")
        assert refused.status_code == 401
        described = found["components"]["responses"]["Unauthorized"]["content"]["application/json"]["schema"]
        assert fault(refused.json(), described) is None
        accepted = client.get("/api/system/info", headers={"X-API-Key": key})
        assert accepted.status_code == 200


def test_servers(client: httpx.Client, appliance: Appliance) -> None:
    """The address under which it was asked for is the one to call."""
    assert client.get("/openapi.json").json()["servers"] == [{"url": appliance.url}]
    elsewhere = client.get("/openapi.json", headers={"Host": "localhost:1234"}).json()
    assert elsewhere["servers"] == [{"url": "http://localhost:1234"}]
    assert {**elsewhere, "servers": []} == {**document(), "servers": []}


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/page.js"])
def test_asked_again(client: httpx.Client, path: str) -> None:
    """Whoever has it is told that it has not changed; HEAD is answered like GET."""
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"another"'}).content == first.content
    assert client.head(path).headers["ETag"] == first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"


def test_page_asks_nobody_else(client: httpx.Client) -> None:
    """Everything that the page names is here, nothing in it is script, and the browser is told to allow no more."""
    page = client.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert {name.removeprefix("docs/") for name in named if name.startswith("docs/")} == ASSETS.keys()
    for name in named:
        assert client.get(f"/{name}").status_code == 200
    assert not re.search(r"<script[^>]*>[^<]", page.text)
    assert not re.search(r"\bon[a-z]+=", page.text)
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "://" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "name", ["page.html", "..%2fpage.html", "%2e%2e%2f__init__.py", "swagger-ui.js", "page.js%00", "PAGE.JS", "%2fetc"]
)
def test_no_other_file(client: httpx.Client, name: str) -> None:
    """What the page does not need cannot be read, whatever its name is."""
    answer = client.get(f"/docs/{name}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "resource.not-found"


@pytest.mark.parametrize("route", [route for route in ROUTES if 200 in route.answers], ids=lambda route: route.name)
def test_other_routes(client: httpx.Client, route: Any) -> None:
    """What they answer is as described."""
    path = route.path.replace("{asset}", next(iter(route.files), ""))
    answer = client.get(path)
    content = document()["paths"][route.path]["get"]["responses"]["200"]["content"]
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in content
    if kind == "application/json":
        assert fault(answer.json(), content[kind]["schema"]) is None


def given(name: str, recording: str) -> dict[str, Any]:
    """A request that shows all that can be shown; of recordings, that of `recording`."""
    if technologies()[name].streams:
        return {"content": b"[0.5, -0.5]\nnothing\n", "params": {"model_name": "another"}}
    if technologies()[name].document is None:
        fields = technologies()[name].parameters.model_fields
        asked = {"include_vector_voiceprint": "true"} if "include_vector_voiceprint" in fields else {}
        return {"files": {"file": (RECORDINGS / recording).read_bytes()}, "params": asked}
    example = examples.of(name)
    assert example is not None
    return {"json": example.body}


@pytest.mark.parametrize("name", DONE)
def test_results(able: httpx.Client, name: str) -> None:
    """What a technology answers to its submission and to its poll is as described."""
    path = f"{API}/{name}"
    submitted = able.post(path, **given(name, "call.flac"))
    assert submitted.status_code == 202, submitted.text
    assert fault(submitted.json(), shown(path, "post", 202)) is None
    described = schema_of(document()["paths"][path]["post"]["responses"]["202"])["headers"]
    assert {header for header in described if header in submitted.headers} >= {"Location", "X-Location", "Retry-After"}
    done = ended(able, submitted.headers["Location"])
    assert done["task"]["state"] == "done"  # type: ignore[index]
    assert fault(done, shown(f"{path}/{{task_id}}")) is None


@pytest.mark.parametrize("name", DONE)
def test_rejected(able: httpx.Client, name: str) -> None:
    """A task that is rejected is shown as described."""
    path, asked = f"{API}/{name}", given(name, "make.py")
    if "json" in asked:
        asked = {"json": {key: ["AAAA", "AAAA"] for key in asked["json"]}}
    if "content" in asked:
        asked = {"content": b"\xff\xff\xff\xff"}  # the beginning of an Arrow stream, and no more
    submitted = able.post(path, **asked)
    rejected = ended(able, submitted.headers["Location"])
    assert rejected["task"]["state"] == "rejected"  # type: ignore[index]
    assert fault(rejected, shown(f"{path}/{{task_id}}")) is None


def test_examples_are_true(client: httpx.Client) -> None:
    """The examples are what an appliance makes of these recordings, on another machine but for the last digits."""
    for name, example in recorded(client).items():
        written = json.loads((examples.FOLDER / f"{name}.json").read_bytes())
        assert alike(written, example), name
        given = examples.of(name)
        if given is None or given.body is None or given.result is None:
            continue
        submitted = client.post(f"{API}/{name}", json=given.body)
        assert alike(ended(client, submitted.headers["Location"])["result"], given.result), name
    assert {path.stem for path in examples.FOLDER.iterdir()} == recorded(client).keys()


def alike(one: Any, other: Any) -> bool:
    """Equal but for the last digits of numbers, and for when a voiceprint was made."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=0.01, abs_tol=0.01)
    if isinstance(one, str) and isinstance(other, str) and one != other and one.startswith("Wk9WU"):
        first, second = (voiceprint.decode(voiceprint.from_base64(text)) for text in (one, other))
        return first.space == second.space and alike(first.vector.tolist(), second.vector.tolist())
    return bool(one == other)
