"""How many callbacks go to one receiver at a time, and when those come again that found no room."""

import time
from collections.abc import Callable
from dataclasses import dataclass

AT_ONCE = 4
# Until a receiver has answered once; then as long as it takes.
_FIRST_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 60.0


@dataclass(slots=True)
class _Lane:
    """Callbacks under way to one receiver, the seconds that one takes, and when the last that was sent away returns."""

    under_way: int = 0
    seconds: float = _FIRST_SECONDS
    last_turn: float = 0.0


class Lanes:
    """One lane per receiver, so that one which does not answer keeps the others' places free."""

    def __init__(self, at_once: int = AT_ONCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}

    def enter(self, receiver: str) -> float:
        """0 when there is room, which is taken until `leave`; else the seconds after which to come again.

        Those sent away come back as fast as the receiver takes them: soon after each other to a fast one; to one that
        hangs so rarely that it costs nothing.
        """
        lane = self._lanes.setdefault(receiver, _Lane())
        if lane.under_way < self._at_once:
            lane.under_way += 1
            return 0.0
        now = self._clock()
        turn = max(now, lane.last_turn) + lane.seconds / self._at_once
        lane.last_turn = min(turn, now + _LONGEST_WAIT_SECONDS)
        return lane.last_turn - now

    def leave(self, receiver: str, seconds: float) -> None:
        """What entered is over, and took so many seconds."""
        lane = self._lanes[receiver]
        lane.under_way -= 1
        lane.seconds = (lane.seconds + seconds) / 2
        if not lane.under_way and lane.last_turn <= self._clock():
            del self._lanes[receiver]
