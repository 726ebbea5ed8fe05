"""Which rounds there are in a run, and what each has of its tasks and of its time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.rounds import ROUNDS


@dataclass(frozen=True, slots=True)
class Plan:
    """The rounds `names`, over which `tasks` and `minutes` are spread. `secured` is None when it is every
    other one."""

    names: Sequence[str]
    seed: int
    tasks: int
    minutes: float
    thorough: bool
    secured: bool | None

    def is_secured(self, name: str) -> bool:
        """Whether this round has a key ring and API keys: with the next seed it is the other way about."""
        if self.secured is not None:
            return self.secured
        return (list(ROUNDS).index(name) + self.seed) % 2 == 1

    def share(self, name: str, acknowledged: int) -> int:
        """How many tasks this round is to have acknowledged, when so many were before.

        What earlier rounds had less, it has more; what they had more, it has less, but never next to nothing.
        """
        names = self.names[: self.names.index(name) + 1]
        whole = sum(ROUNDS[one].tasks for one in self.names)
        by_then = -(-self.tasks * sum(ROUNDS[one].tasks for one in names) // whole)
        least = self.tasks * ROUNDS[name].tasks // (4 * whole)
        return max(by_then - acknowledged, least)

    def deadline(self, name: str, begun: float) -> float:
        """The monotonic time at which this round ends in any case, when the first one began at `begun`.

        What earlier rounds did not use is there for later ones.
        """
        left = max(0.0, begun + 60 * self.minutes - time.monotonic())
        ahead = sum(ROUNDS[later].time for later in self.names[self.names.index(name) :])
        return time.monotonic() + left * ROUNDS[name].time / ahead
