"""One recording's work spread over several threads, in order all the same."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# What the caller does by itself before anybody helps. Many small works side by side fill the machine as they are.
_ALONE = 8
# Of what is handed out and not yet asked for: enough that nobody waits, and little enough that memory does not count.
_AHEAD = 4
# Added to the niceness of threads that help, which thereby take the processor only where nobody else wants it.
_NICE, _NICEST = 10, 19


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Spreading:
    """Threads that help a caller. Several callers may ask for help at once."""

    def __init__(self, threads: int) -> None:
        """`threads` with the caller's own, at least 1."""
        self._most = _AHEAD * threads
        self._helpers = ThreadPoolExecutor(threads - 1, "helper", _give_way) if threads > 1 else None

    def map(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """`work` of every item, in the order of the items, which are asked for by the caller's thread alone.

        The caller works as well, and alone on the first few items, so little work never waits for another thread.
        """
        if self._helpers is None:
            yield from map(work, items)
            return
        parts: deque[_Part[_Item, _Result]] = deque()
        try:
            for number, item in enumerate(items):
                parts.append(_Part(work, item))
                if number >= _ALONE:
                    parts[-1].hand_to(self._helpers)
                if len(parts) == self._most:
                    yield _first(parts)
            while parts:
                yield _first(parts)
        finally:
            for part in parts:
                part.take()


class _Part(Generic[_Item, _Result]):
    """One item, on which either a helper works or the caller."""

    def __init__(self, work: Callable[[_Item], _Result], item: _Item) -> None:
        self._work, self._item = work, item
        self._free = threading.Lock()
        self._result: Future[_Result] = Future()

    def hand_to(self, helpers: ThreadPoolExecutor) -> None:
        helpers.submit(self._help)

    def take(self) -> bool:
        """Whether nobody works on it: then it is the caller's."""
        return self._free.acquire(blocking=False)

    def run(self) -> None:
        try:
            self._result.set_result(self._work(self._item))
        # Told to whoever asks for the result.
        except BaseException as error:
            self._result.set_exception(error)

    def done(self) -> bool:
        return self._result.done()

    def result(self) -> _Result:
        return self._result.result()

    def _help(self) -> None:
        if self.take():
            self.run()


def _first(parts: "deque[_Part[_Item, _Result]]") -> _Result:
    """The result of the first part. Works on those after it while a helper is at it."""
    first = parts.popleft()
    if first.take():
        first.run()
    for part in parts:
        if first.done():
            break
        if part.take():
            part.run()
    return first.result()


def _give_way() -> None:
    # Elsewhere niceness is that of the whole process.
    if sys.platform == "linux":
        me = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, me, min(_NICEST, os.getpriority(os.PRIO_PROCESS, me) + _NICE))
