"""The reference of the command line in docs/cli.md, from the parsers: `python -m tests.cli_reference` writes it."""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperArgument

from appliance.cli import app
from appliance.commands.manual import Entry, entries, exits, option
from appliance.exit_codes import ExitCode

PAGE = Path(__file__).parents[1] / "docs/cli.md"
# What stands before the examples of the manual, of which test_examples in test_docs.py runs none.
NOT_RUN = "<!-- not run: it names files, folders and keys of the reader; the command line parses it in a test -->"
BEGIN = "<!-- From here on the page is what the parsers say: python -m tests.cli_reference -->\n"


def commands(node: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command by its words behind `voiceprint`, in the order of the help, those of the client among them."""
    node = node or typer.main.get_command(app)
    for name, command in node.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def reference() -> str:
    """All that stands below `BEGIN`."""
    lines = ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {code.meaning} |" for code in ExitCode]
    lines += ["", "## Commands", ""]
    for words, command in commands():
        lines += [*_section(words, command), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(words: str, command: Any) -> Iterator[str]:
    context = command.make_context(words, [], resilient_parsing=True)
    yield f"### `voiceprint {words}`"
    yield ""
    yield " ".join(command.help.split("\n\n")[0].split())
    for paragraph in command.help.split("\n\n")[1:]:
        yield from ("", " ".join(paragraph.split()))
    rows = [_row(parameter, context) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield from ("", "| argument or option | meaning |", "|---|---|")
        yield from rows
    examples, codes = _told(words, command)
    if examples:
        yield from ("", NOT_RUN, "```sh", *examples, "```")
    yield from ("", f"Exit codes: {', '.join(map(str, codes))}.")


def _row(parameter: Any, context: Any) -> str:
    if isinstance(parameter, TyperArgument):
        name, meaning = parameter.metavar or parameter.name.upper(), parameter.help or ""
    else:
        name, meaning = option(parameter.get_help_record(context))
    meaning = " ".join(re.sub(r"  \[(.*)\]$", r" (\1)", " ".join(meaning.split("\n"))).split())
    return f"| `{_cell(name)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _told(words: str, command: Any) -> tuple[list[str], list[int]]:
    """Examples and exit codes: of the appliance's own commands those of the manual, of the client's those below its
    help."""
    entry = entries().get(words)
    if entry is not None:
        return _typed(entry), [code.value for code in exits(entry)]
    blocks = dict(re.findall(r"\x08\n([A-Z][a-z ]+):\n(.*?)(?=\n\n\x08|\Z)", command.epilog, re.DOTALL))
    codes = [int(line.split()[0]) for line in blocks["Exit codes"].splitlines()]
    return textwrap.dedent(blocks["Examples"]).splitlines(), codes


def _typed(entry: Entry) -> list[str]:
    return [line for example, comment in entry.get("examples", ()) for line in (f"# {comment}", example)]


if __name__ == "__main__":
    # The client is a distribution of its own, and not installed here.
    sys.path.insert(0, str(PAGE.parents[1] / "clients/python"))
    kept = PAGE.read_text().partition(BEGIN)[0]
    PAGE.write_text(kept + BEGIN + "\n" + reference())
