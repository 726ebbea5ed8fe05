"""Whose turn it is to compute, among the threads of one process.

Recordings that are worked on side by side would only take the processor from each other, and a worker shall use one
core: so one of them computes while the decoders of the others read on.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from onnx_models.blas import keep_to_one_thread
from onnx_models.stages import TURN, stage

_T = TypeVar("_T")


class Turn:
    """Threads have it one after the other, in the order in which they asked. A plain lock would go back to the thread
    that has just let go of it, again and again. Once there is one, numpy keeps to the thread that calls it."""

    def __init__(self) -> None:
        keep_to_one_thread()
        self._lock = threading.Lock()
        self._free = 1
        self._waiting: deque[threading.Lock] = deque()

    def widen(self, at_once: int) -> None:
        """From now on `at_once` threads have it at one time; to be called once, before anybody asks."""
        with self._lock:
            self._free = at_once

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for the turn and has it for the block."""
        self._take()
        try:
            yield
        finally:
            self._let_go()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Lets others have the turn for the block, in which this thread only waits, and then waits for it again."""
        self._let_go()
        try:
            yield
        finally:
            self._take()

    def left_for(self, items: Iterable[_T]) -> Iterator[_T]:
        """The same items; while one is waited for, others have the turn."""
        waited_for = iter(items)
        while True:
            with self.left():
                try:
                    item = next(waited_for)
                except StopIteration:
                    return
            yield item

    def shared(self, items: Iterable[_T]) -> Iterator[_T]:
        """The same items; after each, whoever waits has the turn for a while."""
        for item in items:
            yield item
            if self._waiting:
                with self.left():
                    pass

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        with stage(TURN):
            mine.acquire()

    def _let_go(self) -> None:
        """To who has waited longest: nobody comes in between."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
