"""Trips to a thread that many callers share.

A way to a thread and back takes longer than to read and render a small result there, and so does each change between
two threads that both want the interpreter. What many ask for at one moment goes with one trip; one alone waits for
nobody.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# How many go with one trip: the answer of the first waits for the work of the last.
_MOST = 16


class Trips:
    """Short work that is no work for an event loop. Each of one trip waits for all of it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def made(self, work: Callable[[], T]) -> T:
        """What `work` returns in a thread. Raises what it raises. It is done even if nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            # It leaves when whoever asks at this moment has asked.
            loop.call_soon(self._leave, loop)
        self._waiting.append((work, answer))
        return await answer

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        going, self._waiting = self._waiting, []
        for first in range(0, len(going), _MOST):
            some = going[first : first + _MOST]
            loop.run_in_executor(None, _done, loop, some)


def _done(loop: asyncio.AbstractEventLoop, going: Sequence[tuple[Callable[[], Any], asyncio.Future[Any]]]) -> None:
    outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
    for work, answer in going:
        try:
            outcomes.append((answer, work(), None))
        except BaseException as error:
            outcomes.append((answer, None, error))
    loop.call_soon_threadsafe(_tell, outcomes)


def _tell(outcomes: Sequence[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for answer, outcome, error in outcomes:
        # Who asked may have gone.
        if answer.done():
            continue
        if error is None:
            answer.set_result(outcome)
        else:
            answer.set_exception(error)
