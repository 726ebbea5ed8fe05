"""How the service grows: clients from 1 to 1,000, recordings from 1 s to 2 h, one worker and one for every core.

    python -m benchmarks.scaling DIR [--plot docs/scaling.svg]

DIR holds recordings, in folders or not, of which those that are needed are cut. Clients send a recording of 3 s and
wait for its result by a long poll, and then send the next.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import outcome
from benchmarks.machine import cores
from benchmarks.outcome import JsonFile, Rounds
from benchmarks.recordings import cuttings
from benchmarks.scaling import growth
from benchmarks.scaling.growth import CLIENT_SECONDS, LENGTHS, Crowd, Length, Workers
from benchmarks.scaling.plot import draw
from onnx_models import registry

# What one worker and several are compared on.
_RECORDINGS, _RECORDING_SECONDS = 40, 12.0


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    *,
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    longest: Annotated[float, typer.Option(help="Longest recording, seconds.")] = LENGTHS[-1],
    plot: Annotated[Path | None, typer.Option(help="An SVG file to draw.", show_default=False)] = None,
    rounds: Rounds = outcome.MEDIAN_OF,
    json_file: JsonFile = None,
) -> None:
    """How the service grows."""
    chosen = [length for length in LENGTHS if length <= longest]
    with tempfile.TemporaryDirectory() as scratch:
        paths = cuttings(folder, Path(scratch), [CLIENT_SECONDS, *[_RECORDING_SECONDS] * _RECORDINGS, *chosen])
        short, several, growing = paths[0], paths[1 : 1 + _RECORDINGS], paths[1 + _RECORDINGS :]
        audio = _RECORDINGS * _RECORDING_SECONDS
        crowds = asyncio.run(growth.crowds(short.read_bytes(), rounds, model=model))
        lengths = asyncio.run(growth.lengths(growing, chosen, rounds, model=model))
        workers = asyncio.run(growth.workers(several, audio, cores(), rounds, model=model))
    _show(crowds, lengths, workers)
    if plot is not None:
        draw(crowds, lengths, plot)
    outcome.written(
        json_file,
        "scaling",
        {
            "model": model,
            "clients": [asdict(one) for one in crowds],
            "lengths": [asdict(one) for one in lengths],
            "workers": [asdict(one) for one in workers],
        },
    )


def _show(crowds: Sequence[Crowd], lengths: Sequence[Length], workers: Sequence[Workers]) -> None:
    outcome.shown(
        f"recordings of {CLIENT_SECONDS:g} s",
        ("clients", "calls a second", "median, ms", "99 %, ms"),
        [
            (
                f"{one.clients:,}",
                outcome.spread(one.rate, digits=1),
                f"{1000 * statistics.median(one.median):.0f}",
                f"{1000 * statistics.median(one.tail):.0f}",
            )
            for one in crowds
        ],
    )
    outcome.shown(
        "one recording, one client",
        ("length, s", "POST to done, s", "times real time"),
        [(f"{one.seconds:g}", outcome.spread(one.taken, digits=3), f"{one.speed():.0f}") for one in lengths],
    )
    few, many = workers
    each = [speed / one for speed, one in zip(many.speed, few.speed, strict=True)]
    outcome.shown(
        f"{_RECORDINGS} recordings of {_RECORDING_SECONDS:g} s",
        ("workers", "times real time", "times one worker"),
        [
            (f"{few.workers}", outcome.spread(few.speed, digits=0), "1"),
            (f"{many.workers}", outcome.spread(many.speed, digits=0), outcome.spread(each)),
        ],
    )


if __name__ == "__main__":
    typer.run(main)
