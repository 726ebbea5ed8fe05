"""The reference of the command line in docs/cli.md, from the parsers: `python -m tests.cli_reference` writes it."""

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperArgument

from appliance.cli import app
from appliance.commands.manual import entries, exits, option
from appliance.exit_codes import ExitCode

PAGE = Path(__file__).parents[1] / "docs/cli.md"
RUN_BY = "<!-- run by: tests/integration/test_manual.py -->"
# Examples that no test runs, and why.
NOT_RUN = {"voiceprint models install wespeaker-resnet34-lm": "fetches 27 MB from the internet"}
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
    told, codes = _told(words, command)
    yield from _fences(told)
    yield from ("", f"Exit codes: {', '.join(map(str, codes))}.")


def _fences(told: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Examples with their comments; those that no test runs apart, with the reason."""
    run = [line for example, comment in told for line in (f"# {comment}", example) if example not in NOT_RUN]
    if run:
        yield from ("", RUN_BY, "```sh", *run, "```")
    for example, comment in told:
        if why := NOT_RUN.get(example):
            yield from ("", f"*Not run by a test: {why}.*", "", "```sh", f"# {comment}", example, "```")


def _row(parameter: Any, context: Any) -> str:
    if isinstance(parameter, TyperArgument):
        name, meaning = parameter.metavar or parameter.name.upper(), parameter.help or ""
    else:
        name, meaning = option(parameter.get_help_record(context))
    meaning = " ".join(re.sub(r"  \[(.*)\]$", r" (\1)", " ".join(meaning.split("\n"))).split())
    return f"| `{_cell(name)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def examples() -> Iterator[tuple[str, list[str]]]:
    """Of every command, and of the command line itself, the examples that a test runs."""
    for words, command in (("", None), *commands()):
        yield words, [example for example, _ in _told(words, command)[0] if example not in NOT_RUN]


def _told(words: str, command: Any) -> tuple[list[tuple[str, str]], list[int]]:
    """Examples with their comments, and exit codes: of the appliance's own commands those of the manual, of the
    client's those below its help."""
    entry = entries().get(words)
    if entry is not None:
        return [(example, comment) for example, comment in entry.get("examples", ())], [
            one.value for one in exits(entry)
        ]
    blocks = dict(re.findall(r"\x08\n([A-Z][a-z ]+):\n(.*?)(?=\n\n\x08|\Z)", command.epilog, re.DOTALL))
    codes = [int(line.split()[0]) for line in blocks["Exit codes"].splitlines()]
    lines = textwrap.dedent(blocks["Examples"]).splitlines()
    return [(line, comment.removeprefix("# ")) for comment, line in zip(lines[::2], lines[1::2], strict=True)], codes


if __name__ == "__main__":
    # The client is a distribution of its own, and not installed here.
    sys.path.insert(0, str(PAGE.parents[1] / "clients/python"))
    kept = PAGE.read_text().partition(BEGIN)[0]
    PAGE.write_text(kept + BEGIN + "\n" + reference())
