"""The part of a signal that is listened to."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

from onnx_models.blocks import Samples
from schemas.errors import ApplianceError, MediaOutOfRange

_T = TypeVar("_T")


class Stopped(ApplianceError):
    """A recording was given up because the caller asked for it; nothing is wrong with it."""


def until_stopped(items: Iterable[_T], stop: Callable[[], bool]) -> Iterator[_T]:
    """The same items; before each, `stop` is asked. Raises Stopped when it says so."""
    for item in items:
        if stop():
            raise Stopped("it was asked to stop")
        yield item


class Passage:
    """From `start` to `end` seconds of a signal at `sample_rate` hertz, or to where it ends."""

    def __init__(self, sample_rate: int, start: float = 0.0, end: float | None = None) -> None:
        self._rate, self._start_seconds = sample_rate, start
        self._start = round(start * sample_rate)
        self._end = None if end is None else round(end * sample_rate)
        self._listened = 0

    @property
    def length(self) -> float:
        """Seconds that were listened to so far."""
        return self._listened / self._rate

    def of(self, signal: Iterable[Samples]) -> Iterator[Samples]:
        """What lies within; nothing after it is asked for. Raises MediaOutOfRange when the signal ends before it."""
        at = 0
        for block in signal:
            part = block[max(0, self._start - at) : None if self._end is None else max(0, self._end - at)]
            self._listened += len(part)
            yield part
            at += len(block)
            if self._end is not None and at >= self._end:
                return
        if 0 < self._start >= at:
            start = np.format_float_positional(self._start_seconds, trim="-")
            raise MediaOutOfRange(f"the range starts at {start} s, and the recording ends at {at / self._rate:.2f} s")

    def left_at(self, sample: int) -> None:
        """Nobody listens on after `sample`, counted from the passage's start, though more was read."""
        self._listened = sample
