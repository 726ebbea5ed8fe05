"""Where the time of a recording goes, as the thread that works on it sees it.

Decoding, listening and embedding pull each other's blocks through generators, so none of them knows its own time. Each
says instead when it begins and ends; whatever happens inside of a stage and is a stage itself counts there alone. Where
nobody watches, it costs next to nothing.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

DECODE, RESAMPLE, VOICE_ACTIVITY, QUALITY = "decode", "resample", "voice activity", "quality"
FRONT_END, NETWORK, CONTAINER, STORE = "front end", "network", "container", "store"
# Waiting for the turn to compute; and all that is none of the others.
TURN, REST = "turn", "rest"
STAGES = (DECODE, RESAMPLE, VOICE_ACTIVITY, QUALITY, FRONT_END, NETWORK, CONTAINER, STORE, TURN, REST)

_T = TypeVar("_T")


class Stopwatch:
    """`seconds` by stage, each moment in one of them; `heard` are the seconds of audio that were listened to."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.heard = 0.0
        self._stage, self._since = REST, time.perf_counter()

    def enter(self, stage: str) -> str:
        """From now on it is `stage`; returns what it was until now."""
        now, before = time.perf_counter(), self._stage
        self.seconds[before] = self.seconds.get(before, 0.0) + now - self._since
        self._stage, self._since = stage, now
        return before


class _Here(threading.local):
    watch: Stopwatch | None = None


_here = _Here()


@contextmanager
def watched() -> Iterator[Stopwatch]:
    """What this thread does in the context is timed; `seconds` are whole once it has ended."""
    watch, before = Stopwatch(), _here.watch
    _here.watch = watch
    try:
        yield watch
    finally:
        _here.watch = before
        watch.enter(REST)


def heard(seconds: float) -> None:
    """So many seconds of one channel were listened to."""
    if _here.watch is not None:
        _here.watch.heard += seconds


class stage:  # noqa: N801  # a context, called like a function for every block
    """For the block, this thread is at the stage of that name."""

    __slots__ = ("_before", "_name", "_watch")

    def __init__(self, name: str) -> None:
        self._name, self._watch, self._before = name, _here.watch, REST

    def __enter__(self) -> None:
        if self._watch is not None:
            self._before = self._watch.enter(self._name)

    def __exit__(self, *_: object) -> None:
        if self._watch is not None:
            self._watch.enter(self._before)


def staged(name: str, items: Iterable[_T]) -> Iterator[_T]:
    """The same items; to make each of them is the stage of that name."""
    made = iter(items)
    while True:
        with stage(name):
            try:
                item = next(made)
            except StopIteration:
                return
        yield item
