"""The rounds: one kind of harm each, on an appliance of its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.faults.rounds import clock_steps, connections, crashes, flipped_bit, full_disk, lost_tail, signals
from tests.faults.run import Run


@dataclass(frozen=True, slots=True)
class Round:
    """`tasks` is how much of all tasks it has, and `time` how much of the time, beside the others."""

    tasks: int
    time: int
    run: Callable[[Run], Awaitable[None]]


# Where little is done but to kill and to cut, there are most tasks.
ROUNDS = {
    "signals": Round(40, 28, signals.run),
    "connections": Round(26, 20, connections.run),
    "crashes": Round(4, 8, crashes.run),
    "lost_tail": Round(18, 16, lost_tail.run),
    "flipped_bit": Round(4, 14, flipped_bit.run),
    "full_disk": Round(4, 7, full_disk.run),
    "clock_steps": Round(4, 7, clock_steps.run),
}
