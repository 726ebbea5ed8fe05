"""docs/cli.md is what the parsers say, and what the manual tells of commands is true of them."""

import typer.main

from appliance.cli import app
from appliance.commands.manual import entries, exits
from appliance.settings import Settings
from tests import cli_reference
from tests.pages import invocations


def test_the_page_is_what_the_parsers_say() -> None:
    """Every command with its arguments, options, examples and exit codes; `python -m tests.cli_reference` writes it."""
    written = cli_reference.PAGE.read_text().partition(cli_reference.BEGIN)[2]
    assert written.strip() == cli_reference.reference().strip()


def test_every_command_has_an_entry_and_examples() -> None:
    """And no entry is of a command that there is not; settings and exit codes of an entry exist."""
    own = {words for words, _ in cli_reference.commands() if not words.startswith("client ")}
    assert entries().keys() == own | {"", "client"}
    for entry in entries().values():
        assert entry.get("examples")
        assert set(entry.get("settings", ())) <= Settings.model_fields.keys()
        exits(entry)


def test_every_example_is_of_its_command() -> None:
    """An example on a command's page shows that command; docs/cli.md has them all, where they are parsed."""
    for words, entry in entries().items():
        for example, _ in entry.get("examples", ()):
            typed = [" ".join(one) for one in invocations(example)]
            assert any(one.startswith(words) for one in typed), example


def test_every_command_says_what_it_is_for() -> None:
    """In a sentence, and each option and argument as well."""
    for words, command in cli_reference.commands():
        assert command.help, words
        for parameter in command.params:
            assert getattr(parameter, "hidden", False) or parameter.help, (words, parameter.name)
    assert typer.main.get_command(app).help
