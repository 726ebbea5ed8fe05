"""Progress on standard error: a bar on a terminal, a line per round where another program reads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.history import Event, History


class Shown(Protocol):
    def begins(self, name: str, history: History) -> None:
        """The round `name` begins, which writes `history`."""


class Lines:
    def begins(self, name: str, history: History) -> None:
        print(f"{history.now():7.1f} s  {history.acknowledged:6} acknowledged, round {name} begins", file=sys.stderr)


class Bar:
    """Told by the history of what is acknowledged and of the last fault."""

    def __init__(self, progress: Progress, tasks: int) -> None:
        self._progress = progress
        self._bar = progress.add_task("", total=tasks, name="", fault="")

    def begins(self, name: str, history: History) -> None:
        self._progress.update(self._bar, name=name)
        history.listener = self._heard

    def _heard(self, event: Event, acknowledged: int) -> None:
        fault = {"fault": event["kind"]} if event["what"] == "fault" else {}
        self._progress.update(self._bar, completed=acknowledged, **fault)


@contextmanager
def shown(tasks: int) -> Iterator[Shown]:
    """What fits the standard error that there is."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.fields[name]:12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[fault]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bar(progress, tasks)
