"""The rounds: one kind of harm each, on an appliance of its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.rounds import clock_steps, connections, crashes, flipped_bit, full_disk, lost_tail, signals
from tests.faults.run import Run


@dataclass(frozen=True, slots=True)
class Round:
    """`share` is how much of the tasks and of the time it has, beside the others."""

    share: int
    run: Callable[[Run], Awaitable[None]]


ROUNDS = {
    "signals": Round(45, signals.run),
    "connections": Round(20, connections.run),
    "crashes": Round(5, crashes.run),
    "lost_tail": Round(12, lost_tail.run),
    "flipped_bit": Round(8, flipped_bit.run),
    "full_disk": Round(5, full_disk.run),
    "clock_steps": Round(5, clock_steps.run),
}
