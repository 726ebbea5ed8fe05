"""Progress on standard error: a bar on a terminal, plain lines where another program reads."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.status import Status

_STEP_PER_CENT = 10


class Lines:
    """A line for every step, and for every tenth of a file."""

    def __init__(self) -> None:
        self._shown = 0

    def said(self, line: str) -> None:
        typer.echo(line, err=True)

    def received(self, done: int, total: int) -> None:
        share = done * 100 // total // _STEP_PER_CENT * _STEP_PER_CENT if total else 0
        if share > self._shown:
            typer.echo(f"{share} % of {total / 1e6:.1f} MB", err=True)
        # A download that starts over, or the next file, counts from its own beginning.
        self._shown = share


class Bar:
    """A bar with speed and remaining time, under the lines."""

    def __init__(self, bar: "Progress") -> None:
        self._bar = bar
        self._file = bar.add_task("fetching", total=None, visible=False)

    def said(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def received(self, done: int, total: int) -> None:
        self._bar.update(self._file, completed=done, total=total, visible=done < total)


@contextmanager
def shown() -> Iterator[Lines | Bar]:
    """What fits the standard error that there is."""
    if not sys.stderr.isatty():
        yield Lines()
        return

    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield Bar(bar)


def bar() -> "Progress":
    """A bar for things that are counted: gone when it ends, and nothing where another program reads."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    return Progress(
        console=Console(stderr=True), transient=True, redirect_stdout=False, disable=not sys.stderr.isatty()
    )


def spinner() -> "Status":
    """What says on a terminal that something goes on, and how far it is; nothing where another program reads."""
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True).status("")


def complaints(console: "Console") -> Callable[[str], None]:
    """What tells of a fault above a bar of `console`, as `complain` does without one."""
    return lambda line: console.print(f"error: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
