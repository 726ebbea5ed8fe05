"""How far work in bulk is, on standard error: a bar on a terminal, a line for each part where another program reads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from tasks.bulk.run import Progress, Run


class Lines:
    """A line for every part that is done."""

    def __init__(self, run: "Run") -> None:
        self._parts, self._rows = len(run.plan.parts), run.plan.job.work.ROWS

    def went_on(self, progress: "Progress") -> None:
        if progress.record and self._parts > 1:
            typer.echo(f"part {progress.part + 1} of {self._parts}: {progress.rows:,} {self._rows}", err=True)


class Bar:
    """A bar with rows, rows a second and the time that is left."""

    def __init__(self, run: "Run", bar: "RichProgress") -> None:
        self._run, self._bar = run, bar
        waiting = run.waiting()
        self._rows = dict.fromkeys(waiting, 0)
        self._shares = dict.fromkeys(waiting, 0.0)
        self._size = sum(run.plan.size(part) for part in waiting)
        self._task = bar.add_task("", total=max(self._size, 1), rows=0)

    def went_on(self, progress: "Progress") -> None:
        part = progress.part
        known = [piece.rows for piece in self._run.plan.parts[part]]
        whole = sum(filter(None, known)) if all(known) else 0
        # How many rows other formats have is known only at their end.
        share = 1.0 if progress.record else (progress.rows / whole if whole else 0.0)
        self._rows[part], self._shares[part] = progress.rows, share
        done = sum(share * self._run.plan.size(part) for part, share in self._shares.items())
        self._bar.update(self._task, completed=done, rows=sum(self._rows.values()))


@contextmanager
def shown(run: "Run") -> "Iterator[Lines | Bar]":
    """What fits the standard error that there is."""
    if not sys.stderr.isatty():
        yield Lines(run)
        return

    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            rows, seconds = int(task.fields["rows"]), task.elapsed or 0.0
            return Text(f"{rows:,} {run.plan.job.work.ROWS}, {rows / seconds if seconds else 0:,.0f}/s")

    columns = (BarColumn(), TaskProgressColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield Bar(run, bar)
