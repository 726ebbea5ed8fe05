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
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tasks.subscription import Subscription
from tasks.workforce import HEARTBEAT_SECONDS

log = logging.getLogger(__name__)

# What is published while no connection listens is lost, so all that is waited for is looked at now and then.
_LOOK_SECONDS = 3 * HEARTBEAT_SECONDS
_LISTEN_SECONDS = 1.0
# Of so many tasks at most it is known that they were submitted here and have not ended.
_SUBMITTED_KEPT = 1024
# What Redis tells is the task's id, and the record of its end behind it; of one that is gone there is none.
_ID_BYTES = 36


class _Told(asyncio.Event):
    """That something has become of a task, and the record of its end where Redis has told it; or that it was waited for
    long enough."""

    record = b""
    late = False

    def end(self) -> None:
        self.late = True
        self.set()


class Endings:
    """One subscription for all who wait for tasks in this process, from the beginning of the context to its end.

    Besides, one look in every _LOOK_SECONDS at all that is waited for: waiting costs the same for one as for many.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._waiting: dict[str, set[_Told]] = {}
        # Tasks that wait or run, for as long as their end would be heard.
        self._submitted: dict[str, TaskRecord] = {}
        self._hears = False
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

    async def submit(self, record: TaskRecord, *, max_open: int, max_input_bytes: int) -> str:
        """As TaskStore.submit does; who waits here for the task need not ask Redis how it is."""
        if self._hears:
            self._submitted[record.task_id] = record
            if len(self._submitted) > _SUBMITTED_KEPT:
                del self._submitted[next(iter(self._submitted))]
        made = ""
        try:
            made = await self._store.submit(record, max_open=max_open, max_input_bytes=max_input_bytes)
        finally:
            if made != record.task_id:
                self._submitted.pop(record.task_id, None)
        return made

    async def wait(
        self, task_id: str, seconds: float, admitted: Callable[[TaskRecord | None], object] = lambda _: None
    ) -> TaskRecord | None:
        """The record of the task once its state is terminal, or as it is after `seconds`; None for a task that is
        unknown, expired or erased. `admitted` sees it whenever it is read, the first time before anything is waited
        for, and raises for one that is not to be waited for.

        Raises RecordDamaged, and Overloaded while Redis cannot be reached."""
        with self._watched(task_id) as told:
            known = self._submitted.get(task_id) if seconds > 0 and not self._closed.is_set() else None
            record = known or await self._store.fetch(task_id)
            admitted(record)
            timer = asyncio.get_running_loop().call_later(seconds, told.end)
            try:
                while not (record is None or record.state.terminal or told.late or self._closed.is_set()):
                    await told.wait()
                    if self._away and not (told.late or self._closed.is_set()):
                        raise Unreachable
                    record = self._ended(task_id, told) or await self._store.fetch(task_id)
                    admitted(record)
            finally:
                timer.cancel()
            return record

    def _ended(self, task_id: str, told: _Told) -> TaskRecord | None:
        """The record of the end that was told, None where none was; from here on `told` is for what comes."""
        data, told.record = told.record, b""
        told.clear()
        with suppress(RecordDamaged):
            return self._store.unpack(task_id, data) if data else None
        return None

    @contextmanager
    def _watched(self, task_id: str) -> Iterator[_Told]:
        told = _Told()
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
                self._hears = True
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
            finally:
                self._hears = False
                self._submitted.clear()
        await place.left()

    def _told(self, message: bytes) -> None:
        task_id = message[:_ID_BYTES].decode(errors="replace")
        self._submitted.pop(task_id, None)
        for told in self._waiting.get(task_id, ()):
            told.record = message[_ID_BYTES:]
        self._wake([task_id])

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
