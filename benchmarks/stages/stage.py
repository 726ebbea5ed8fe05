"""A stage, what bounds it, and how both are measured."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """What nobody could do without: `work` that does just that, or `operations` in 32 bits, which take as long as in
    this machine's matrix product."""

    name: str
    work: Callable[[], object] | None = None
    operations: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """`work` does it for all recordings at hand; `spent` tells the processor seconds of all that has a part in it."""

    name: str
    work: Callable[[], object]
    limit: Limit | None
    spent: Callable[[], float] = time.process_time


@dataclass(frozen=True, slots=True)
class Figures:
    """Processor seconds of a stage and of its limit, for all recordings."""

    name: str
    seconds: float
    limit_name: str
    limit_seconds: float | None


def measured(stages: Iterable[Stage], rounds: int, matrix_rate: Callable[[], float]) -> list[Figures]:
    """Medians over `rounds`, in each of which every stage has its turn and its limit right after."""
    taken = [(stage, list[float](), list[float]()) for stage in stages]
    # The first turn warms up and does not count.
    for turn in range(rounds + 1):
        rate = matrix_rate() * 1e9
        for stage, seconds, limits in taken:
            took = _timed(stage.work, stage.spent)
            bound = _bound(stage.limit, rate)
            if turn:
                seconds.append(took)
                limits.append(bound)
    return [
        Figures(
            stage.name,
            statistics.median(seconds),
            stage.limit.name if stage.limit else "",
            statistics.median(limits) if stage.limit else None,
        )
        for stage, seconds, limits in taken
    ]


def _bound(limit: Limit | None, rate: float) -> float:
    if limit is None:
        return 0.0
    return limit.operations / rate if limit.work is None else _timed(limit.work, time.process_time)


def _timed(work: Callable[[], object], spent: Callable[[], float]) -> float:
    before = spent()
    work()
    return spent() - before
