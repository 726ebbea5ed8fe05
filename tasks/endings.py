"""Waiting for the end of tasks: told by Redis the moment it comes, and looked for all the same."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Self

from redis.exceptions import ResponseError

from schemas.errors import Refusal
from tasks.connection import PASSING, Unreachable
from tasks.duties import every
from tasks.keys import ENDED
from tasks.line import Place
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tasks.subscription import Subscription
from tasks.workforce import HEARTBEAT_SECONDS

log = logging.getLogger(__name__)

# What is published while no connection listens is lost, so all that is waited for is looked at now and then.
_LOOK_SECONDS = 3 * HEARTBEAT_SECONDS
_LISTEN_SECONDS = 1.0


class Endings:
    """One subscription for all who wait for tasks in this process, from the beginning of the context to its end.

    Besides, one look in every _LOOK_SECONDS at all that is waited for: waiting costs the same for one as for many.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._closed = asyncio.Event()
        # Redis did not answer when it was last looked at.
        self._away = False

    async def __aenter__(self) -> Self:
        looking = every(_LOOK_SECONDS, "looking for ends", self._look, self._closed)
        self._duties = [asyncio.create_task(self._listen()), asyncio.create_task(looking)]
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.close()
        # They end by themselves within _LISTEN_SECONDS, unless Redis stands still. A cancellation alone would not do:
        # redis-py swallows one now and then.
        _, late = await asyncio.wait(self._duties, timeout=2 * _LISTEN_SECONDS)
        for duty in late:
            duty.cancel()

    def close(self) -> None:
        """Whoever waits, or comes to wait, is answered at once."""
        self._closed.set()
        self._wake(list(self._waiting))

    async def wait(
        self, task_id: str, seconds: float, admitted: Callable[[TaskRecord | None], object] = lambda _: None
    ) -> TaskRecord | None:
        """The record of the task once its state is terminal, or as it is after `seconds`; None for a task that is
        unknown, expired or erased. `admitted` sees it whenever it is read, the first time before anything is waited
        for, and raises for one that is not to be waited for.

        Raises RecordDamaged, and Overloaded while Redis cannot be reached."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        with self._watched(task_id) as told:
            while True:
                told.clear()
                record = await self._store.fetch(task_id)
                admitted(record)
                left = end - loop.time()
                if record is None or record.state.terminal or left <= 0 or self._closed.is_set():
                    return record
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await told.wait()
                        if self._away and not self._closed.is_set():
                            raise Unreachable

    @contextmanager
    def _watched(self, task_id: str) -> Iterator[asyncio.Event]:
        told = asyncio.Event()
        self._waiting.setdefault(task_id, set()).add(told)
        try:
            yield told
        finally:
            self._waiting[task_id].discard(told)
            if not self._waiting[task_id]:
                del self._waiting[task_id]

    def _wake(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            for told in self._waiting.get(task_id, ()):
                told.set()

    async def _listen(self) -> None:
        place, closed = Place(self._store.redis.connection_pool), asyncio.create_task(self._closed.wait())
        while not self._closed.is_set():
            try:
                subscription = await place.opened(partial(Subscription, channel=ENDED, told=self._told))
                await subscription.begun()
                # What ended before this is not told any more.
                await self._look()
                gone = asyncio.create_task(subscription.gone.wait())
                await asyncio.wait((gone, closed), return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
            except (*PASSING, ResponseError) as error:
                log.debug("the endings of tasks are not told: %s", type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LISTEN_SECONDS):
                        await self._closed.wait()
        await place.left()

    def _told(self, task_id: bytes) -> None:
        self._wake([task_id.decode(errors="replace")])

    async def _look(self) -> None:
        """Wakes who waits for what has ended, and everyone when Redis does not answer."""
        waiting = list(self._waiting)
        try:
            still_open = await self._store.still_open(waiting)
        except Refusal:
            self._away, still_open = True, set()
        else:
            self._away = False
        self._wake(task_id for task_id in waiting if task_id not in still_open)
