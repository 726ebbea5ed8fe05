"""`voiceprint shadow`: this appliance and another one score the same trials, and the threshold here is found."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from appliance.commands import progress
from appliance.commands.inputs import complain
from appliance.exit_codes import ExitCode
from schemas.errors import ConfigurationError
from schemas.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from appliance.shadow.running import Bars
    from appliance.shadow.scoring import Step

_T = TypeVar("_T")


def shadow(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="TRIALS|DIR",
            help="A list of trials, `1 file file` for one speaker and `0 file file` for two; or, of which every pair "
            "is a trial, a folder with one folder of recordings for each speaker or a .csv with the columns file and "
            "speaker.",
            readable=False,
        ),
    ],
    *,
    other: Annotated[str, typer.Option(metavar="URL", help="The other appliance.", show_default=False)],
    here: Annotated[str, typer.Option(metavar="URL", help="This appliance.")] = "http://127.0.0.1:8000",
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the files of a list lie; beside it when not given.", show_default=False
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(help="From which score on the other appliance's users accept.")] = 2.0,
    here_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the API key of this appliance.", show_default=False)
    ] = None,
    other_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the bearer token of the other.", show_default=False)
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:VALUE",
            help="A header for the other appliance, or for a proxy before it; may be repeated.",
            show_default=False,
        ),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Recordings that each side is sent at one time.")] = 4,
    patience: Annotated[
        float, typer.Option(min=0, max=86_400, metavar="SECONDS", help="How long an appliance may be away.")
    ] = 120.0,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the voiceprints of both as DIR/here.csv and DIR/other.csv; a run that finds them there uploads "
            "only what is missing.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Let two appliances score the same trials, and find the threshold that gives the other's false match rate here.

    Recordings go to both, once. One that either refuses, or finds no speech in, is left out of both.
    """
    if not isfinite(threshold):
        raise ConfigurationError("--threshold must be a number")

    from appliance.shadow import doors, running, told, trial_list  # noqa: PLC0415

    both = doors.door("here", here, here_key_file, ()), doors.door("other", other, other_key_file, header or ())
    listed = trial_list.read(source, root)
    with progress.bar() as bars:
        work = running.run(
            listed, both, threshold=threshold, parallel=parallel, patience=patience, keep=keep, bars=_bars(bars)
        )
        try:
            found = asyncio.run(_interruptible(work))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    for name, why in found.left_out.items():
        complain(printable(f"{name}: {why}"))
    if found.unscored:
        complain(f"{found.unscored} trials were given no score by one of the two, and are left out of both")
    if as_json:
        from schemas import json  # noqa: PLC0415

        left = {"left_out": found.left_out, "unscored": found.unscored, "models": found.models}
        sys.stdout.buffer.write(json.encode(found.outcome.record(listed) | left, indent=True) + b"\n")
    else:
        told.show(found.outcome, listed)
    raise typer.Exit(ExitCode.REFUSED if found.left_out or found.unscored else ExitCode.DONE)


async def _interruptible(work: Coroutine[None, None, _T]) -> _T:
    """`work`, cancelled in an orderly way by Ctrl-C. Raises asyncio.CancelledError then."""
    task = asyncio.current_task()
    if task and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    return await work


def _bars(bars: "Progress") -> "Bars":
    def bar(what: str, total: int) -> "Step":
        return partial(bars.advance, bars.add_task(what, total=total))

    return bar
