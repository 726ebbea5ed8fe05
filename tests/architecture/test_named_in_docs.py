"""What docs/security.md and docs/operations.md tell people to set and to run exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from appliance.cli import app
from appliance.settings import FILE_VARIABLE, PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "docs" / name for name in ("security.md", "operations.md")]


def spoken(path: Path) -> Iterator[str]:
    """What stands in backticks, and every line of a shell example."""
    text = path.read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (line.partition(" #")[0].strip() for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def commands(path: Path) -> list[list[str]]:
    """Every `voiceprint …`, word by word."""
    found = [re.search(r"(?:^|\s)voiceprint ((?:[a-z-]+ ?)*.*)", words) for words in spoken(path)]
    return [match[1].partition("|")[0].partition(">")[0].split() for match in found if match]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_setting_exists(path: Path) -> None:
    """Each VOICEPRINT_ variable is a setting, and values that are named are allowed."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE}
    named = set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", path.read_text()))
    assert named
    assert named <= known
    for name, value in re.findall(rf"`{PREFIX}([A-Z_]+)=([a-z]+)`", path.read_text()):
        Settings.model_validate({name.lower(): value})


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_exists(path: Path) -> None:
    """Each command is one of the command line, with the options that it is given."""
    assert commands(path)
    for words in commands(path):
        node: Any = typer.main.get_command(app)
        while words and hasattr(node, "commands") and not words[0].startswith("-"):
            assert words[0] in node.commands, f"voiceprint {words[0]}"
            node = node.commands[words.pop(0)]
        options = {option for parameter in node.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} <= options, (node.name, words)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_target_and_file_exists(path: Path) -> None:
    """Each `make …` is a target of the Makefile, and each link leads to a file of this repository."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)`", path.read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link
