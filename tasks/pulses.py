"""Who is alive, as one process sees it: by beats that others count in Redis, and by its own steady clock.

No time of day is asked for: a clock that is put forward must not make everybody look dead, nor one that is put back
keep a dead one alive.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Heart:
    """`beats` is what was counted when it was last looked at, and has been since `since` seconds of our clock; it is
    `moving` when it was seen to change, or to come."""

    beats: float
    since: float
    moving: bool


class Pulses:
    """Looks at beats, and remembers when each last changed. Nobody is dead before it was watched for `patience` seconds
    without a beat; a pause between two looks, of ours or of Redis, begins that anew."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._hearts: dict[bytes, _Heart] = {}
        self._looked: float | None = None

    def look(self, beats: Mapping[bytes, float]) -> None:
        """What is counted now, by name; 0 for who should beat and has not been heard."""
        now = self._clock()
        watching = self._looked is not None and now - self._looked <= self._patience / 2
        self._looked = now
        known, self._hearts = self._hearts, {}
        for name, count in beats.items():
            before = known.get(name)
            if before is None:
                heart = _Heart(count, now, moving=watching and count > 0)
            elif before.beats != count:
                heart = _Heart(count, now, moving=True)
            else:
                heart = before if watching else _Heart(count, now, moving=False)
            self._hearts[name] = heart

    @property
    def alive(self) -> frozenset[bytes]:
        """Those that were seen to beat lately; at the first look that is nobody."""
        return frozenset(name for name, heart in self._hearts.items() if heart.moving and not self._still(heart))

    @property
    def dead(self) -> Mapping[bytes, float]:
        """Those that were watched for long enough, with the beats at which they have stopped."""
        return {name: heart.beats for name, heart in self._hearts.items() if self._still(heart)}

    def _still(self, heart: _Heart) -> bool:
        return self._looked is not None and self._looked - heart.since > self._patience
