"""How long a caller waits for a recording of 3 s: from POST to `done` by a long poll, beside the extraction in process.

    python -m benchmarks.latency DIR

DIR holds recordings, in folders or not. First on an idle machine, in process and through the service by turns; then
while as many recordings arrive, at random times, as keep the service half busy. Calls are sent when they are due,
whether those before have been answered or not.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import numpy as np
import typer

from benchmarks import outcome
from benchmarks.client import crowd, extracted, session, timed
from benchmarks.outcome import JsonFile, Rounds, percentile
from benchmarks.recordings import cuttings
from benchmarks.running import running
from onnx_models import registry
from onnx_models.extractor import Extractor

_SECONDS = 3.0
# In every round: calls one after the other, calls as fast as they are taken, and calls at random times.
_ALONE, _FLAT_OUT, _ARRIVING = 40, 200, 300
_CLIENTS = 8
_LOAD = 0.5
# What is wanted of the median on an idle machine, and of the tail at half load.
_TIMES, _MILLISECONDS, _TAIL = 1.25, 15.0, 3.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of every call, in lists by round; `capacity` is calls a second, flat out."""

    in_process: list[list[float]] = field(default_factory=list)
    idle: list[list[float]] = field(default_factory=list)
    loaded: list[list[float]] = field(default_factory=list)
    capacity: list[float] = field(default_factory=list)


async def measured(recording: Path, models_dir: Path, rounds: int) -> Taken:
    """In every round all of it, in process and through a service of the same model."""
    extractor, taken = Extractor.open(models_dir=models_dir, device="cpu"), Taken()
    content = await asyncio.to_thread(recording.read_bytes)
    random = np.random.default_rng(0)
    async with running(models_dir=models_dir) as service, session(service.url) as http:
        for number in range(rounds + 1):
            in_process, idle = [], []
            for _ in range(_ALONE):
                in_process.append(await timed(asyncio.to_thread(extractor.extract, recording)))
                idle.append(await timed(extracted(http, content)))
            flat_out = await timed(crowd(_CLIENTS, lambda call: extracted(http, call), [content] * _FLAT_OUT))
            capacity = _FLAT_OUT / flat_out
            loaded = await arriving(http, content, _LOAD * capacity, random)
            # The first round warms up.
            if number:
                taken.in_process.append(in_process)
                taken.idle.append(idle)
                taken.loaded.append(loaded)
                taken.capacity.append(capacity)
    return taken


async def arriving(
    http: aiohttp.ClientSession, recording: bytes, a_second: float, random: np.random.Generator
) -> list[float]:
    """Seconds of calls that come at random times, `a_second` on average (a Poisson process), since they were due."""

    async def call(due: float) -> float:
        await extracted(http, recording)
        return time.perf_counter() - due

    due, calls = time.perf_counter(), []
    for pause in random.exponential(1 / a_second, _ARRIVING):
        due += pause
        await asyncio.sleep(due - time.perf_counter())
        calls.append(asyncio.create_task(call(due)))
    return await asyncio.gather(*calls)


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    *,
    rounds: Rounds = outcome.MEDIAN_OF,
    json_file: JsonFile = None,
) -> None:
    """How long a caller waits for a recording of 3 s."""
    models_dir = Path(os.environ.get("VOICEPRINT_MODELS_DIR", registry.default_models_dir()))
    with tempfile.TemporaryDirectory() as scratch:
        (recording,) = cuttings(folder, Path(scratch), [_SECONDS])
        taken = asyncio.run(measured(recording, models_dir, rounds))
    figures = _figures(taken)
    rows = [
        (name, f"{1000 * _middle(calls):.1f} ms", f"{1000 * _tail(calls):.1f} ms")
        for name, calls in (
            ("extraction in process", taken.in_process),
            ("POST to done, idle", taken.idle),
            (f"POST to done, {_LOAD * statistics.median(taken.capacity):.0f} calls a second", taken.loaded),
        )
    ]
    outcome.shown(f"a recording of {_SECONDS:g} s", ("", "median", "99 %"), rows)
    outcome.shown(
        "as wanted",
        ("", "ratio", "wanted"),
        [
            (
                f"idle median : {_TIMES:g} times in process and {_MILLISECONDS:g} ms",
                outcome.spread(figures["idle_to_wanted"]),
                "1",
            ),
            ("99 % : median, at half load", outcome.spread(figures["tail_to_median"]), f"{_TAIL:g}"),
        ],
    )
    outcome.written(json_file, "latency", figures)


def _figures(taken: Taken) -> dict[str, Any]:
    rounds = zip(taken.in_process, taken.idle, strict=True)
    return {
        "in_process_seconds": {"median": _middle(taken.in_process), "p99": _tail(taken.in_process)},
        "idle_seconds": {"median": _middle(taken.idle), "p99": _tail(taken.idle)},
        "half_load_seconds": {"median": _middle(taken.loaded), "p99": _tail(taken.loaded)},
        "calls_a_second_flat_out": statistics.median(taken.capacity),
        "idle_to_wanted": [
            statistics.median(calls) / (_TIMES * statistics.median(alone) + _MILLISECONDS / 1000)
            for alone, calls in rounds
        ],
        "tail_to_median": [percentile(calls, 0.99) / statistics.median(calls) for calls in taken.loaded],
    }


def _middle(rounds: Sequence[Sequence[float]]) -> float:
    """The median over rounds of their medians."""
    return statistics.median(map(statistics.median, rounds))


def _tail(rounds: Sequence[Sequence[float]]) -> float:
    """The median over rounds of what 99 % stay below."""
    return statistics.median(percentile(calls, 0.99) for calls in rounds)


if __name__ == "__main__":
    typer.run(main)
