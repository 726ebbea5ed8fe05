"""What is printed: tables and bars on a terminal, plain lines where another program reads."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import typer

from voiceprint_client.errors import ClientError, Forbidden, NoAnswer, TaskEnded, Unauthorized

FAULT, MISUSED, REFUSED, BELOW, INTERRUPTED = 1, 2, 3, 4, 130
EXITS = {
    0: "success",
    FAULT: "nobody answers, or the appliance is at fault",
    MISUSED: "wrong usage, or an API key that does not open this",
    REFUSED: "some of the inputs were refused, the others were worked on",
    BELOW: "compare --threshold: the score is below it",
    INTERRUPTED: "interrupted",
}

Given = ParamSpec("Given")


def complain(line: str) -> None:
    """An error for people, on standard error."""
    typer.secho(f"error: {line}", fg=typer.colors.RED, err=True)


def note(line: str) -> None:
    """Beside what a script reads."""
    typer.echo(line, err=True)


def words(error: Exception) -> str:
    """What an error says, with every fault that it names."""
    if isinstance(error, OSError) and not isinstance(error, ClientError):
        return error.strerror or str(error)
    told = str(error)
    faults = [one.message for one in getattr(error, "detail", ()) if one.message and one.message not in told]
    return "; ".join([told, *faults])


def lasting(error: Exception) -> int | None:
    """With which exit code a run of many ends at once, since the next request would fare no better; None if it may."""
    if isinstance(error, Unauthorized | Forbidden):
        return MISUSED
    return FAULT if isinstance(error, NoAnswer) else None


def told(command: Callable[Given, None]) -> Callable[Given, None]:
    """The command, whose errors are one line and an exit code."""

    @wraps(command)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ClientError, OSError, ValueError) as error:
            complain(words(error))
            misused = isinstance(error, ValueError | Unauthorized | Forbidden)
            refused = isinstance(error, TaskEnded)
            raise typer.Exit(REFUSED if refused else MISUSED if misused else FAULT) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    return run


def line(document: Any, *, indent: int | None = None) -> None:
    """JSON on standard output, at once."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=indent, separators=None if indent else (",", ":")))
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Drawn on a terminal, else tab-separated."""
    if not sys.stdout.isatty():
        typer.echo("\n".join("\t".join(row) for row in (columns, *rows)))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)


class Bar:
    """How many of how many, on standard error where that is a terminal."""

    def __init__(self, step: Callable[[], None], complain: Callable[[str], None]) -> None:
        self.step, self.complain = step, complain


@contextmanager
def bar(what: str, total: int) -> Iterator[Bar]:
    """For a run of `total` things."""
    if not sys.stderr.isatty():
        yield Bar(lambda: None, complain)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # What is printed on the same terminal goes above the bar; into a pipe it goes as ever.
    above_it = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=above_it) as drawn:
        task = drawn.add_task(what, total=total)

        def above(line: str) -> None:
            drawn.console.print(f"error: {line}", style="red", markup=False, highlight=False, soft_wrap=True)

        yield Bar(lambda: drawn.advance(task), above)
