"""Telling of the ends of tasks, in the background of every HTTP process."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Self

from aiohttp import web
from yarl import URL

from appliance.context import SETTINGS, STORE, TALLY
from appliance.webhooks import backoff
from appliance.webhooks.lanes import Lanes
from appliance.webhooks.sending import Sender
from appliance.webhooks.signing import signing_key
from schemas.errors import Overloaded, StorageFull
from tasks.callbacks import CallbackQueue, DueCallback
from tasks.duties import following
from tasks.metrics.declared import WEBHOOKS
from tasks.metrics.tally import Tally
from tasks.record import Callback, RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tasks.workforce import HEARTBEAT_SECONDS

log = logging.getLogger(__name__)

AT_ONCE = 16
# Every other look is at a moment at which the process looks who is alive. One that Redis does not answer costs the log
# a line.
_LOOK_SECONDS, _AWAY_SECONDS = HEARTBEAT_SECONDS / 2, 1.0
# A stop takes no longer, whatever Redis does.
_STOP_SECONDS = 1.0


async def deliver(app: web.Application) -> AsyncIterator[None]:
    """Delivers for as long as the application runs, when there is a secret to sign with."""
    if (secret := app[SETTINGS].webhook_secret) is None:
        yield
        return
    async with Delivery(app[STORE], Sender(signing_key(secret.get_secret_value())), tally=app[TALLY]):
        yield


class Delivery:
    """Sends what is due, from the beginning of the context to its end. What is under way then is given back."""

    def __init__(
        self,
        store: TaskStore,
        sender: Sender,
        *,
        queue: CallbackQueue | None = None,
        delays: Sequence[float] = backoff.DELAYS,
        at_once: int = AT_ONCE,
        lanes: Lanes | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._store = store
        self._sender = sender
        self._queue = queue or CallbackQueue(store.redis)
        self._delays = delays
        self._at_once = at_once
        self._lanes = lanes or Lanes()
        self._tally = tally or Tally()
        self._under_way: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._closed = False

    async def __aenter__(self) -> Self:
        self._taker = asyncio.create_task(self._take())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._woken.set()
        self._sender.stop()
        left = {self._taker, *self._under_way}
        hanging = (await asyncio.wait(left, timeout=_STOP_SECONDS))[1]
        # Redis does not answer. Their leases end by themselves.
        for task in hanging:
            task.cancel()

    async def _take(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._closed:
            self._woken.clear()
            moment = following(_LOOK_SECONDS, clock())
            if len(self._under_way) < self._at_once:
                try:
                    due = await self._queue.take()
                except (Overloaded, StorageFull) as error:
                    log.debug("callbacks wait: %s", error.message)
                    moment = clock() + _AWAY_SECONDS
                except Exception as error:
                    # Whatever it is, it must not be the end of all deliveries.
                    log.error("callbacks wait: %s: %s", type(error).__name__, error)
                    moment = clock() + _AWAY_SECONDS
                else:
                    if isinstance(due, DueCallback):
                        self._begin(due)
                        continue
                    moment = min(clock() + due, moment)
            # Until a place is free, or something may be due.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(moment):
                    await self._woken.wait()

    def _begin(self, due: DueCallback) -> None:
        task = asyncio.create_task(self._settle(due))
        self._under_way.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its traceback would hold the address. It is tried again when its lease ends.
            log.error("telling of a task's end failed: %s", type(error).__name__)

    async def _settle(self, due: DueCallback) -> None:
        try:
            record = await self._store.fetch(due.task_id)
        except RecordDamaged:
            record = None
        # Redis is away. The lease ends by itself.
        except Overloaded:
            return
        with suppress(Overloaded, StorageFull):
            if record is None or record.callback is None:
                await self._queue.delivered(due)
            elif self._closed:
                await self._queue.give_back(due)
            else:
                await self._attempt(due, record, record.callback)

    async def _attempt(self, due: DueCallback, record: TaskRecord, callback: Callback) -> None:
        receiver = URL(callback.url, encoded=True).authority.lower()
        if seconds := self._lanes.enter(receiver):
            await self._queue.give_back(due, seconds)
            return
        began = time.monotonic()
        try:
            outcome = await self._sender.send(record, callback)
        finally:
            self._lanes.leave(receiver, time.monotonic() - began)
        attempt = due.failures + 1
        self._tally.count(WEBHOOKS, "told" if outcome.settled else "again")
        if outcome.settled:
            log.info("task %s: its end was told, attempt %d: %s", due.task_id, attempt, outcome.told)
            await self._queue.delivered(due)
        elif self._closed:
            await self._queue.give_back(due)
        else:
            seconds = backoff.delay(attempt, outcome.asked, self._delays)
            log.info(
                "task %s: its end could not be told, attempt %d: %s; again in %.0f s",
                *(due.task_id, attempt, outcome.told, seconds),
            )
            await self._queue.again(due, seconds)
