"""arq's worker side: finding and starting what waits. The only file that knows it.

arq finds and starts jobs and nothing else. What its own machinery would get wrong (see each comment), with entries that
are not as `tasks/dispatch.py` writes them among the rest, is replaced here.
"""

import asyncio
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgpack
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.worker import Retry, Worker, func
from redis.asyncio import Redis
from redis.exceptions import ResponseError, WatchError

from tasks.connection import PASSING
from tasks.dispatch import QUEUE, WAKE

__all__ = ["Queue", "Retry"]

log = logging.getLogger(__name__)

# How long an idle worker sleeps when no token wakes it; bounds the delay after a lost token.
_IDLE_SECONDS = 1
# After an outage of Redis, and an entry that arq could not bear.
_BREATH_SECONDS = 0.5
# arq's own mark of ownership only bridges the moment between its start of a job and our claim.
_IN_PROGRESS_SECONDS = 2.0
# How long a job may take from one look at `stop` to the next.
_STOP_SECONDS = 2.0
_UNLIMITED = 1_000_000_000
# What Redis says of a key that stays for ever.
_NO_EXPIRY = -1


class Queue(Worker):
    """arq's worker, one job at a time, woken by a token instead of a timer."""

    def __init__(self, redis: Redis, attempts: Mapping[str, Callable[[dict[str, Any]], Awaitable[None]]]) -> None:
        super().__init__(
            [func(attempt, name=name) for name, attempt in attempts.items()],  # type: ignore[arg-type]
            queue_name=QUEUE,
            redis_pool=ArqRedis(redis.connection_pool),
            handle_signals=False,
            max_jobs=1,
            queue_read_limit=16,
            # Time is limited by the job itself, tries by the crashes that the record counts.
            job_timeout=_UNLIMITED,
            max_tries=_UNLIMITED,
            # arq's results would repeat in Redis what is in our files.
            keep_result=0,
            log_results=False,
            # Its own default is pickle: whoever can write to Redis would run code here.
            # What it says itself of a task that was erased as it was taken, it would fail to write.
            job_serializer=partial(msgpack.packb, default=repr),
            job_deserializer=msgpack.unpackb,
        )
        # By default as long as the longest job: what a worker held that was killed would wait for that.
        self.in_progress_timeout_s = _IN_PROGRESS_SECONDS

    async def consume(self) -> None:
        """arq's main loop without its sleep of half a second, and one that outlives an outage of Redis."""
        while self.allow_pick_jobs:
            try:
                await self._poll_iteration()
                if self.tasks:
                    await asyncio.wait(self.tasks.values(), timeout=_IDLE_SECONDS)
                else:
                    await self.pool.blpop([WAKE], timeout=_IDLE_SECONDS)  # type: ignore[misc]
            except (*PASSING, WatchError) as error:
                # Where arq watches a key, redis-py says WatchError for a connection that breaks.
                # The heartbeat meets the same and tells it once.
                log.debug("the queue cannot be read: %s", type(error).__name__)
                await asyncio.sleep(_BREATH_SECONDS)
                self._free_places()
            except ResponseError as error:
                # What stands there is no queue; the store mends that.
                log.warning("the queue cannot be read: %s", error)
                await asyncio.sleep(_BREATH_SECONDS)
                self._free_places()

    def _free_places(self) -> None:
        """A connection that breaks while arq starts a job leaves it counting one that never runs."""
        if all(task.done() for task in self.tasks.values()):
            self.job_counter, self.sem = 0, asyncio.BoundedSemaphore(self.max_jobs + 1)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """As arq does, without what would stop it."""
        ours = [job_id for job_id in job_ids if _is_id(job_id)]
        await self._forget(*(set(job_ids) - set(ours)))
        await super().start_jobs(ours)
        if ours and not self.tasks:
            await self._unblock(ours)

    async def _unblock(self, job_ids: list[bytes]) -> None:
        """Of what arq has passed over: entries that it would pass over for ever are removed, and those that an unknown
        mark holds are let go. A few of them at the head of the queue would keep all others from being seen."""
        async with self.pool.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.zscore(QUEUE, job_id)
                pipe.pttl(in_progress_key_prefix.encode() + job_id)
            found = await pipe.execute()
        for job_id, place, left in zip(job_ids, found[::2], found[1::2], strict=True):
            if place is not None and not place >= 1:
                await self.pool.zrem(QUEUE, job_id)
            if left == _NO_EXPIRY or left > _IN_PROGRESS_SECONDS * 1000:
                await self.pool.delete(in_progress_key_prefix.encode() + job_id)

    async def _forget(self, *job_ids: bytes) -> None:
        for job_id in job_ids:
            prefixes = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
            await self.pool.delete(*(prefix.encode() + job_id for prefix in prefixes))
            await self.pool.zrem(QUEUE, job_id)

    async def run_job(self, job_id: str, score: int) -> None:
        """As arq does; an entry that is not as ours are is removed, and made anew from its task's record by the
        survey."""
        try:
            job = await self.pool.get(job_key_prefix + job_id)
            if job is not None and not self._is_ours(job):
                raise ValueError("the job is none")
            await super().run_job(job_id, score)
        except PASSING:
            raise
        except Exception as error:
            log.warning("the queue entry of task %s is none of ours: %s", job_id, type(error).__name__)
            await self._forget(job_id.encode())

    def _is_ours(self, job: bytes) -> bool:
        """Whether it is what `tasks/dispatch.py` writes. arq would log what else there is, or pass it on."""
        try:
            fields = msgpack.unpackb(job)
            return fields["f"] in self.functions and (fields["t"], fields["a"], fields["k"]) == (None, [], {})
        except (ValueError, TypeError, KeyError):
            return False

    async def drain(self, give_back: threading.Event, seconds: float) -> None:
        """Waits for what runs; after `seconds` or when `give_back` is set, for it to stop between two blocks."""
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=seconds)
            give_back.set()
            await asyncio.wait(self.tasks.values(), timeout=_STOP_SECONDS)


def _is_id(job_id: bytes) -> bool:
    try:
        return str(uuid.UUID(job_id.decode())) == job_id.decode()
    except ValueError:
        return False
