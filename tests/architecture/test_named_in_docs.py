"""What pages tell people to set, to run and to look at exists, whether or not it is run here."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

from appliance.cli import app
from appliance.settings import FILE_VARIABLE, PREFIX, Settings
from tests import pages
from tests.pages import PAGES, ROOT
from voiceprint_client.command.connection import ENVIRONMENT as CLIENT_ENVIRONMENT

TOLD = [*PAGES, ROOT / "README.md", ROOT / "deploy/README.md"]
on_every_page = pytest.mark.parametrize("page", TOLD, ids=lambda page: str(page.relative_to(ROOT)))


def leaf(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` name, or the group where they end, and the words behind its name."""
    node: Any = typer.main.get_command(app)
    while words and hasattr(node, "commands") and not words[0].startswith("-"):
        assert words[0] in node.commands, f"there is no {words[0]!r} in `{node.name}`"
        node, words = node.commands[words[0]], words[1:]
    return node, words


@on_every_page
def test_every_setting_exists(page: Path) -> None:
    """Each VOICEPRINT_ variable is a setting, and values that are named are allowed."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE, *CLIENT_ENVIRONMENT}
    text = page.read_text()
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]\b", text)) <= known
    for name, value in re.findall(rf"`{PREFIX}([A-Z_]+)=([a-z]+)`", text):
        Settings.model_validate({name.lower(): value})


@on_every_page
def test_every_spoken_command_exists(page: Path) -> None:
    """Each `voiceprint …` in a sentence is a command, with options that it has."""
    # `voiceprint appliance 1: …` is what keys of the ring are derived with.
    for spoken in re.findall(r"`(?:\w+=\S+ )*voiceprint (?!appliance 1)([^`\n]+)`", pages.outside_of_fences(page)):
        command, words = leaf([word for word in spoken.split() if word != "…"])
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} <= options | {"--help"}, spoken


@on_every_page
def test_every_typed_command_parses(page: Path) -> None:
    """The command line takes each `voiceprint …` of an example as it is written, whether or not that is run here."""
    for example in pages.examples(page):
        if example.language in {"sh", "console"}:
            for words in pages.invocations(example.shell):
                command, rest = leaf(words)
                try:
                    command.make_context(command.name, list(rest))
                except click.exceptions.Exit:  # --help
                    pass
                except click.ClickException as error:
                    pytest.fail(f"{page.name}:{example.line}: voiceprint {' '.join(words)}: {error.format_message()}")


@on_every_page
def test_every_module_exists(page: Path) -> None:
    """Each `python -m …` names a module of this repository, or of the tools that every reader has."""
    for module in set(re.findall(r"python3? -m ([\w.]+)", page.read_text())) - {"venv", "pip"}:
        assert importlib.util.find_spec(module), module


@on_every_page
def test_every_target_and_file_exists(page: Path) -> None:
    """Each `make …` is a target of the Makefile, and each link leads to a file of this repository."""
    makefile = (ROOT / "Makefile").read_text()
    text = page.read_text()
    for target in re.findall(r"(?:`|^ *(?:\$ )?)make ([a-z-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link


@on_every_page
def test_every_example_is_seen(page: Path) -> None:
    """What can be typed stands in a fence that says in which language, so that it is run or says why it is not."""
    languages = {example.language for example in pages.examples(page)}
    assert languages <= {*pages.TYPED, "json", "toml", "yaml", "http", "sql", "text"}
    assert not re.findall(
        r"^(?: {4}|\t)(?:voiceprint|python|make|curl|pip) .*", pages.outside_of_fences(page), re.MULTILINE
    )


@on_every_page
def test_who_is_said_to_run_an_example_does(page: Path) -> None:
    """A test that is named beside an example is there, and reads the page."""
    for example in pages.examples(page):
        if example.run_by:
            assert f"docs/{page.name}" in (ROOT / example.run_by).read_text()
