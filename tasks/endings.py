"""Waiting for the end of tasks: told by Redis the moment it comes, and looked for all the same."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from redis.asyncio.client import PubSub

from tasks.connection import PASSING
from tasks.record import TaskRecord
from tasks.store import ENDED, TaskStore

log = logging.getLogger(__name__)

# What is published while no connection listens is lost, so whoever waits looks for himself now and then.
_LOOK_SECONDS = 2.0
_LISTEN_SECONDS = 1.0


class Endings:
    """One subscription for all who wait for tasks in this process, from the beginning of the context to its end."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        # Not cancelled: redis-py swallows a cancellation now and then. It ends by itself within _LISTEN_SECONDS.
        await asyncio.wait((self._listener,))

    def close(self) -> None:
        """Whoever waits, or comes to wait, is answered at once."""
        self._closed.set()
        self._wake(list(self._waiting))

    async def wait(self, task_id: str, seconds: float) -> TaskRecord | None:
        """The record of the task once its state is terminal, or as it is after `seconds`; None for a task that is
        unknown, expired or erased. Raises RecordDamaged, and Overloaded while Redis cannot be reached."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        with self._watched(task_id) as told:
            while True:
                told.clear()
                record = await self._store.fetch(task_id)
                left = end - loop.time()
                if record is None or record.state.terminal or left <= 0 or self._closed.is_set():
                    return record
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                        await told.wait()

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

    def _wake(self, task_ids: list[str]) -> None:
        for task_id in task_ids:
            for told in self._waiting.get(task_id, ()):
                told.set()

    async def _listen(self) -> None:
        while not self._closed.is_set():
            subscription: PubSub = self._store.redis.pubsub(ignore_subscribe_messages=True)
            try:
                await subscription.subscribe(ENDED)
                # What ended before this is not told any more.
                self._wake(list(self._waiting))
                while not self._closed.is_set():
                    message = await subscription.get_message(timeout=_LISTEN_SECONDS)
                    if message is not None:
                        self._wake([message["data"].decode()])
            except PASSING as error:
                log.debug("the endings of tasks are not told: %s", type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), _LISTEN_SECONDS)
            finally:
                with suppress(*PASSING):
                    await subscription.aclose()  # type: ignore[no-untyped-call]
