"""Several programs at the same recordings, by turns."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from benchmarks import outcome
from benchmarks.machine import REFERENCE_RATE, cores, matrix_rate

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """`work` does all recordings, and says how many seconds of speech it has embedded; `spent` tells the processor
    seconds of all that has a part in it, so far."""

    name: str
    work: Callable[[Sequence[Path]], Awaitable[float]]
    spent: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Task:
    """Recordings, of `seconds` in all, for all of `contestants`, who first warm up on `others`.

    `wanted` are pairs of their names with how many times faster the first shall be than the second.
    """

    name: str
    recordings: Sequence[Path]
    seconds: float
    others: Sequence[Path]
    contestants: Sequence[Contestant]
    wanted: Sequence[tuple[str, str, float]]


@dataclass(frozen=True, slots=True)
class _Taken:
    """Of one contestant in every round: seconds by the clock, of processors, and of speech."""

    clock: list[float] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)
    speech: list[float] = field(default_factory=list)


async def held(tasks: Sequence[Task], rounds: int) -> dict[str, Any]:
    """Every contestant at every task, `rounds` times by turns; prints tables and returns the figures."""
    taken = {(task.name, contestant.name): _Taken() for task in tasks for contestant in task.contestants}
    for task in tasks:
        for contestant in task.contestants:
            await contestant.work(task.others)
    rates = []
    for number in range(rounds):
        rates.append(matrix_rate())
        for task in tasks:
            for contestant in task.contestants:
                found, before = taken[task.name, contestant.name], contestant.spent()
                started = time.perf_counter()
                found.speech.append(await contestant.work(task.recordings))
                found.clock.append(time.perf_counter() - started)
                found.processors.append(contestant.spent() - before)
                typer.echo(f"round {number + 1}, {task.name}, {contestant.name}: {found.clock[-1]:.2f} s", err=True)
    rate = statistics.median(rates)
    told = [_told(task, {one.name: taken[task.name, one.name] for one in task.contestants}, rate) for task in tasks]
    return {"matrix_gflops_per_core": rate, "tasks": told}


def _told(task: Task, taken: Mapping[str, _Taken], rate: float) -> dict[str, Any]:
    speeds = {name: task.seconds / statistics.median(found.clock) for name, found in taken.items()}
    scaled = {name: speed / cores() * REFERENCE_RATE / rate for name, speed in speeds.items()}
    hours = {name: statistics.median(found.processors) * _HOUR / task.seconds for name, found in taken.items()}
    outcome.shown(
        f"{task.name}, {task.seconds:.0f} s of audio, {cores()} cores of {rate:.0f} GFLOP/s",
        ("", "seconds", "times real time", "on a core of 100 GFLOP/s", "processor seconds an hour", "speech"),
        [
            (
                name,
                outcome.spread(taken[name].clock),
                f"{speeds[name]:.0f}",
                f"{scaled[name]:.0f}",
                f"{hours[name]:.1f}",
                f"{100 * statistics.median(taken[name].speech) / task.seconds:.0f} %",
            )
            for name in taken
        ],
    )
    ratios: list[dict[str, Any]] = [
        {
            "faster": one,
            "than": two,
            "wanted": least,
            "times": outcome.ratios(taken[one].clock, taken[two].clock),
            "times_by_processor_time": outcome.ratios(taken[one].processors, taken[two].processors),
        }
        for one, two, least in task.wanted
    ]
    outcome.shown(
        f"{task.name}, how many times faster, round by round",
        ("", "by the clock", "by processor time", "wanted"),
        [
            (
                f"{ratio['faster']} : {ratio['than']}",
                outcome.spread(ratio["times"]),
                outcome.spread(ratio["times_by_processor_time"]),
                f"{ratio['wanted']:g}",
            )
            for ratio in ratios
        ],
    )
    return {
        "task": task.name,
        "audio_seconds": task.seconds,
        "seconds": {name: found.clock for name, found in taken.items()},
        "processor_seconds": {name: found.processors for name, found in taken.items()},
        "speech_seconds": {name: statistics.median(found.speech) for name, found in taken.items()},
        "times_real_time": speeds,
        "times_real_time_per_reference_core": scaled,
        "ratios": ratios,
    }
