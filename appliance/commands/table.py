"""Tables: drawn on a terminal, tab-separated where another program reads; and the same as JSON."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import typer

# What a command with a table takes that other programs read too.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
# And one that does something: what has come of it.
DoneAsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def _plain(cell: str) -> str:
    return _STYLES.get(cell, "")


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], style: Callable[[str], str] = _plain) -> None:
    """Prints `rows` under `columns` on standard output; `style` says in rich's words how a cell looks on a terminal."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            typer.echo("\t".join(row))
        return

    from rich.console import Console  # noqa: PLC0415
    from rich.table import Column, Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # Of a narrow terminal the height is free: nothing is left out.
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=style(cell)) for cell in row))
    Console().print(table)


def show_json(document: object) -> None:
    """Prints `document` on standard output."""
    from schemas import json  # noqa: PLC0415

    sys.stdout.buffer.write(json.encode(document, indent=True) + b"\n")
