"""The help of a command as a page of a manual: on a terminal headings are bold and options coloured."""

import re
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

_HEADING = re.compile(r"^[A-Z][A-Za-z ]*:", re.MULTILINE)
_OPTIONS = re.compile(r"(?<=^  )-[^\s,]+(?:, -[^\s,]+)*", re.MULTILINE)


class Page(TyperCommand):
    """A command, with examples, exit codes and environment below its options."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]  # typer's own context
        return _drawn(super().get_help(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["[OPTIONS]", *(_word(one) for one in self.get_params(ctx) if isinstance(one, TyperArgument))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        shown = [(one, one.get_help_record(ctx)) for one in self.get_params(ctx)]
        for heading, rows in (
            ("Arguments", [(_word(one), one.help or "") for one, _ in shown if isinstance(one, TyperArgument)]),
            ("Options", [record for one, record in shown if record and not isinstance(one, TyperArgument)]),
        ):
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # as typer calls it
        formatter.write("\n" + (self.epilog or "").replace("\b\n", "") + "\n")


class Contents(TyperGroup):
    """All commands."""

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        return _drawn(super().get_help(ctx))


def _word(argument: TyperArgument) -> str:
    """An argument as the first line of the page and the list below have it."""
    name = argument.metavar or (argument.name or "").upper()
    name += "..." if argument.nargs != 1 else ""
    return name if argument.required else f"[{name}]"


def _drawn(text: str) -> str:
    bold = _HEADING.sub(lambda found: typer.style(found[0], bold=True), text)
    return _OPTIONS.sub(lambda found: typer.style(found[0], fg=typer.colors.CYAN), bold)
