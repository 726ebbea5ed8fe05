"""Help as a page of a manual: what a command does, arguments, options, examples, exit codes and environment.

The last three stand in `manual.toml`, by the command's words. On a terminal headings are bold and options coloured;
where another program reads, the page is plain. There are no boxes in either.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Any, TypedDict, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from appliance.exit_codes import ExitCode
from appliance.settings import PREFIX, Settings

_TABLE = Path(__file__).with_name("manual.toml")
_HEADING = re.compile(r"^[A-Z][A-Za-z ]*:", re.MULTILINE)
_OPTIONS = re.compile(r"(?<=^  )-[^\s,]+(?:(?:, | / )-[^\s,]+)*", re.MULTILINE)
# What typer writes for the values of an option.
_KIND = re.compile(r"<(\w+)(?: range)?>")
_KINDS = {"str": "TEXT", "int": "N", "float": "NUMBER", "path": "PATH"}
# Whatever a command does, it may end like this.
_ALWAYS = (ExitCode.DONE, ExitCode.FAULT, ExitCode.MISCONFIGURED, ExitCode.INTERRUPTED)
# Characters of a first sentence: all of it, on as many lines as it takes.
_WHOLE = 500
_WIDE = 78

_F = TypeVar("_F", bound=Callable[..., Any])


class Entry(TypedDict, total=False):
    """What `manual.toml` tells of one command: examples as lines with their comments, exit codes that not every
    command has, and the settings that matter."""

    examples: list[tuple[str, str]]
    exits: list[int]
    settings: list[str]


@cache
def entries() -> dict[str, Entry]:
    """By the words of the command, without `voiceprint`; that of the command line itself is ""."""
    found: dict[str, Entry] = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return found


def exits(entry: Entry) -> list[ExitCode]:
    """How the command may end, in order."""
    return sorted({*_ALWAYS, *map(ExitCode, entry.get("exits", ()))})


class Page(TyperCommand):
    """A command with a page of its own."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]  # typer's own context
        return _page(super().get_help(ctx), ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["[OPTIONS]", *(_word(one) for one in self.get_params(ctx) if isinstance(one, TyperArgument))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        shown = [(parameter, parameter.get_help_record(ctx)) for parameter in self.get_params(ctx)]
        for heading, rows in (
            ("Arguments", [(_word(one), one.help) for one, _ in shown if isinstance(one, TyperArgument) and one.help]),
            ("Options", [option(record) for one, record in shown if record and not isinstance(one, TyperArgument)]),
        ):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


class Contents(TyperGroup):
    """A group of commands, which its page lists under the headings that they were given."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        return _page(super().get_help(ctx), ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        named = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in named:
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None)
                rows = sections.setdefault(heading if isinstance(heading, str) else "Commands", [])
                rows.append((name, command.get_short_help_str(_WHOLE)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


class Manual(typer.Typer):
    """Commands, every one with its page."""

    def __init__(self, **options: Any) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        given: dict[str, Any] = {
            "cls": Contents,
            "no_args_is_help": True,
            "rich_markup_mode": None,
            "context_settings": settings,
        }
        super().__init__(**(given | options))

    def command(self, name: str | None = None, **options: Any) -> Callable[[_F], _F]:
        return super().command(name, **({"cls": Page} | options))


def _page(text: str, ctx: typer.Context) -> str:
    entry = entries().get(" ".join(ctx.command_path.split()[1:]))
    whole = "\n".join([text.rstrip(), *(_sections(entry) if entry else ())])
    return _OPTIONS.sub(_coloured, _HEADING.sub(_bold, whole))


def option(record: tuple[str, str]) -> tuple[str, str]:
    """An option and its meaning as typer has them, with what it takes in the word that pages of manuals have for it."""
    name, meaning = record
    return _KIND.sub(lambda found: _KINDS.get(found[1], found[0]), name), meaning


def _word(argument: TyperArgument) -> str:
    """An argument as the first line of its page and the list below have it."""
    name = argument.metavar or argument.name.upper()
    if argument.nargs != 1 and "..." not in name:
        name += "..."
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _sections(entry: Entry) -> Iterator[str]:
    if examples := entry.get("examples"):
        yield "\nExamples:"
        for line, comment in examples:
            yield from (f"  # {comment}", f"  {line}")
    yield "\nExit codes:"
    yield from (f"  {code.value:<5}{code.meaning}" for code in exits(entry))
    yield "\nEnvironment:"
    for name in entry.get("settings", ()):
        yield f"  {PREFIX}{name.upper()}"
        indent = " " * 6
        yield fill(str(Settings.model_fields[name].description), _WIDE, initial_indent=indent, subsequent_indent=indent)
    yield f"  {PREFIX}…\n      every setting has such a variable: docs/settings.md"


def _bold(found: re.Match[str]) -> str:
    return typer.style(found[0], bold=True)


def _coloured(found: re.Match[str]) -> str:
    return typer.style(found[0], fg=typer.colors.CYAN)
