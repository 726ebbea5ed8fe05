"""arq's worker side: finding and starting what waits. The only file that knows it.

arq knows the jobs by their names and keeps those that run. What its own machinery would get wrong, or would ask Redis
for each of them (see each comment), is replaced here: the record of a task is all that its attempt needs, so an entry
is no more than its name.
"""

import asyncio
import logging
import random
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgpack
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.worker import Worker, func
from redis.exceptions import ResponseError

from schemas.errors import Overloaded, StorageFull
from tasks.connection import PASSING
from tasks.dispatch import QUEUE, WAKE
from tasks.keys import RECORD
from tasks.lane import Lane
from tasks.record import TaskRecord
from tasks.store import TaskStore

log = logging.getLogger(__name__)

# How long an idle worker sleeps when no token wakes it; bounds the delay after a lost token.
_IDLE_SECONDS = 3
# How often one that is busy, and could do more, looks for more.
_LOOK_SECONDS = 0.03
# A task that waits for so long is not waited for by a worker that has nothing to do: it would have it by now.
_PATIENCE_SECONDS = 0.005
# Those that end so soon one after the other are one reason to look, as long as there is something to do, where more
# than a few are under way: those take next to no time.
_MOMENT_SECONDS, _FEW = 0.002, 2
# How many entries are looked at. When there are so many, nobody has nothing to do.
_MANY = 64
# After an outage of Redis, and an entry that arq could not bear.
_BREATH_SECONDS = 0.5
# How long a job may take from one look at `stop` to the next.
_STOP_SECONDS = 2.0
_UNLIMITED = 1_000_000_000
# A task's id, as everybody here writes it.
_ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Taker(Protocol):
    """Who decides what is taken, and does it: see `tasks/under_way.py`."""

    freed: asyncio.Event

    @property
    def left(self) -> int: ...

    @property
    def busy(self) -> bool: ...

    async def chosen(self, stored: Mapping[str, bytes | None]) -> tuple[list[TaskRecord], list[str]]: ...

    async def attempt(self, record: TaskRecord) -> None: ...


class Queue(Worker):
    """arq's worker, woken by a token instead of a timer. `technologies` are the names of its jobs."""

    def __init__(self, store: TaskStore, technologies: Iterable[str], taker: Taker) -> None:
        super().__init__(
            [func(self._attempt, name=name) for name in technologies],  # type: ignore[arg-type]
            queue_name=QUEUE,
            redis_pool=ArqRedis(store.redis.connection_pool),
            handle_signals=False,
            # Time is limited by the job itself, tries by the crashes that the record counts.
            job_timeout=_UNLIMITED,
            max_tries=_UNLIMITED,
            # arq's results would repeat in Redis what is in our files.
            keep_result=0,
            log_results=False,
            # Its own default is pickle: whoever can write to Redis would run code here.
            job_serializer=msgpack.packb,
            job_deserializer=msgpack.unpackb,
        )
        self._taker = taker
        self._lane = store.lane
        # Whoever waits for a token keeps the way that it waits on.
        self._asleep = Lane(store.redis)
        # What was left of the queue at the last look, in order, and what is stored of those that are looked at now.
        self._left: list[bytes] = []
        self._read: dict[bytes, bytes | None] = {}
        # When each entry was first seen, and whether one was left to others.
        self._seen: dict[bytes, float] = {}
        self._passed_over = False
        # The tasks of entries that stood for nothing when they were last looked at.
        self._idle: set[str] = set()
        # Whether there was any among those that were looked at last.
        self._in_vain = False

    async def consume(self) -> None:
        """arq's main loop without its sleep of half a second, and one that outlives an outage of Redis."""
        while self.allow_pick_jobs:
            try:
                await self._poll_iteration()
                await self._rest()
            except (*PASSING, Overloaded, StorageFull) as error:
                # The heartbeat meets the same and tells it once.
                log.debug("the queue cannot be read: %s", type(error).__name__)
                await asyncio.sleep(_BREATH_SECONDS)
            except ResponseError as error:
                # What stands there is no queue; the store mends that.
                log.warning("the queue cannot be read: %s", error)
                await asyncio.sleep(_BREATH_SECONDS)

    async def _poll_iteration(self) -> None:
        """Looks at what waits, if more could be taken. arq would do so by the time of day, and tell Redis of its health
        besides."""
        self._taker.freed.clear()
        self.tasks = {task_id: task for task_id, task in self.tasks.items() if not task.done()}
        if most := self._taker.left:
            # What was left at the last look is most likely had now, but for what others have taken: it is read as well.
            likely = self._left[: most + _FEW] if most <= _FEW else []
            reading = [_reading(likely)] if likely else []
            job_ids, *stored = await self._lane.calls(("ZRANGE", QUEUE, 0, _MANY - 1), *reading)
            self._read = dict(zip(likely, *stored, strict=True)) if stored else {}
            await self.start_jobs(job_ids)

    async def _rest(self) -> None:
        """Until there may be something to do."""
        if not self._taker.busy and self._in_vain:
            # What stands before others for nothing is gone after a second look.
            await asyncio.sleep(_LOOK_SECONDS)
            return
        if not self._taker.busy:
            await self._asleep.call("BLPOP", WAKE, _IDLE_SECONDS)
            return
        seconds = _IDLE_SECONDS if not self._taker.left else _PATIENCE_SECONDS if self._passed_over else _LOOK_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._taker.freed.wait()
        running = [task for task in self.tasks.values() if not task.done()]
        if len(running) > _FEW:
            await asyncio.wait(running, timeout=_MOMENT_SECONDS)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Begins what is chosen of what waits. arq would ask and tell Redis of each job three times before it begins,
        and four times more until it is over."""
        there, self._left = self._for_us(job_ids), job_ids
        ours = [job_id for job_id in there if _ID.fullmatch(job_id)]
        self._in_vain = len(ours) < len(there)
        await self._forget(*(set(there) - set(ours)))
        if not ours:
            return
        chosen, idle = await self._taker.chosen(await self._stored(ours))
        begun = {record.task_id.encode() for record in chosen}
        self._left = [job_id for job_id in job_ids if job_id not in begun]
        for record in chosen:
            self.tasks[record.task_id] = asyncio.create_task(self._start(record))
        # What another worker has taken meanwhile is no longer there when it is looked again.
        again = self._idle.intersection(idle)
        self._idle = set(idle)
        self._in_vain |= bool(idle)
        await self._forget(*(task_id.encode() for task_id in again))

    async def _stored(self, job_ids: list[bytes]) -> dict[str, bytes | None]:
        """What is stored of these tasks."""
        if missing := [job_id for job_id in job_ids if job_id not in self._read]:
            self._read |= zip(missing, await self._lane.call(*_reading(missing)), strict=True)
        return {job_id.decode(): self._read[job_id] for job_id in job_ids}

    def _for_us(self, job_ids: list[bytes]) -> list[bytes]:
        """Those that this worker may have: but for the first of a worker that has none, what has just come is left to
        those that have none."""
        most, self._passed_over = self._taker.left, False
        if len(job_ids) == _MANY:
            # Where more wait than one could take, each worker takes others; but nothing passes the first for ever.
            first = random.randrange(1, max(2, _MANY - most)) if most > 2 else 1  # noqa: S311  # no secret
            return [job_ids[0], *job_ids[first : first + most - 1]]
        now = time.monotonic()
        self._seen = {job_id: self._seen.get(job_id, now) for job_id in job_ids}
        mine = [] if self._taker.busy else job_ids[:1]
        left = [job_id for job_id in job_ids[len(mine) :] if now - self._seen[job_id] >= _PATIENCE_SECONDS]
        self._passed_over = len(mine) + len(left) < len(job_ids)
        return [*mine, *left][:most]

    async def _start(self, record: TaskRecord) -> None:
        try:
            await self.functions[record.technology].coroutine({"job_id": record.task_id, "record": record})
        except Exception as error:
            log.error("task %s: %s: %s", record.task_id, type(error).__name__, error)
            await asyncio.sleep(_BREATH_SECONDS)

    async def _attempt(self, context: dict[str, Any]) -> None:
        await self._taker.attempt(context["record"])

    async def _forget(self, *job_ids: bytes) -> None:
        for job_id in job_ids:
            prefixes = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
            await self._lane.calls(("DEL", *(prefix.encode() + job_id for prefix in prefixes)), ("ZREM", QUEUE, job_id))

    async def drain(self, give_back: threading.Event, seconds: float) -> None:
        """Waits for what runs; after `seconds` or when `give_back` is set, for it to stop between two blocks."""
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=seconds)
            give_back.set()
            await asyncio.wait(self.tasks.values(), timeout=_STOP_SECONDS)


def _reading(job_ids: Sequence[bytes]) -> Sequence[bytes]:
    """The command that reads the records of these tasks."""
    return b"MGET", *(RECORD.encode() + job_id for job_id in job_ids)
