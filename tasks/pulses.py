"""Who is alive, as one process sees it: by beats that others count in Redis, and by its own steady clock.

No time of day is asked for: a clock that is put forward must not make everybody look dead, nor one that is put back
keep a dead one alive.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Heart:
    """`beats` is what was counted when it was last looked at, and has been for `still` seconds that were watched; it is
    `moving` when it was seen to change, or to come."""

    beats: float
    still: float
    moving: bool


class Pulses:
    """Looks at beats, and remembers for how long each has not changed. Nobody is dead before it was watched for more
    than `patience` seconds without a beat. Of a pause between two looks, of ours or of Redis, no more than half of that
    counts: whoever was frozen with us has time to beat again."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._hearts: dict[bytes, _Heart] = {}
        self._looked: float | None = None

    def look(self, beats: Mapping[bytes, float]) -> None:
        """What is counted now, by name; 0 for who should beat and has not been heard."""
        now = self._clock()
        passed = None if self._looked is None else now - self._looked
        longest = self._patience / 2
        watching = passed is not None and passed <= longest
        self._looked = now
        known, self._hearts = self._hearts, {}
        for name, count in beats.items():
            before = known.get(name)
            if before is None:
                heart = _Heart(count, 0.0, moving=watching and count > 0)
            elif before.beats != count:
                heart = _Heart(count, 0.0, moving=True)
            else:
                heart = _Heart(count, before.still + min(passed or 0.0, longest), before.moving and watching)
            self._hearts[name] = heart

    @property
    def alive(self) -> frozenset[bytes]:
        """Those that were seen to beat lately; at the first look that is nobody."""
        return frozenset(name for name, heart in self._hearts.items() if heart.moving and heart.still <= self._patience)

    @property
    def dead(self) -> Mapping[bytes, float]:
        """Those that were watched for long enough, with the beats at which they have stopped."""
        return {name: heart.beats for name, heart in self._hearts.items() if heart.still > self._patience}
