"""What a benchmark prints and, with `--json`, writes."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from schemas import json

# The options that every benchmark has.
Rounds = Annotated[int, typer.Option(min=1, help="How often each figure is measured; figures are medians.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="A file to write the figures to.", show_default=False)]

MEDIAN_OF = 5
_WIDTH = 120


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of `values` below or at which so large a `share` of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """How many times longer the other took, round by round."""
    return [their / our for our, their in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median of `values`, and from which to which they go."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def shown(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on standard output, the first column being words and the others figures."""
    table = Table(title=title)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console = Console()
    # What is no terminal has no width, and is not to be narrower than a table.
    Console(width=None if console.is_terminal else _WIDTH).print(table)


def written(path: Path | None, benchmark: str, figures: Mapping[str, Any]) -> None:
    """The `figures` and the machine that they were measured on as JSON, where a `path` is given."""
    if path is not None:
        document = {"benchmark": benchmark, "machine": machine.description(), **figures}
        path.write_bytes(json.encode(document, indent=True) + b"\n")


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as README files have it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
