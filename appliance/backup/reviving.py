"""Tasks of a backup, back in Redis: open ones wait again, ended ones stay for as long as they still had to."""

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis

from appliance.backup.format import SavedTask
from schemas.errors import ConfigurationError
from schemas.keyring import Keys
from schemas.task import TaskState
from tasks import idempotency, owners
from tasks.callbacks import failures_key
from tasks.connection import redis_errors, shown
from tasks.dispatch import QUEUE, entry
from tasks.keys import (
    CALLBACKS,
    INPUT_BYTES,
    LISTED,
    OPEN,
    RECORD,
    SEQUENCE,
    WORKERS,
    idempotency_key,
    owner_key,
    record_key,
)
from tasks.listed import member_of
from tasks.record import RecordDamaged, TaskRecord
from tasks.workforce import ALIVE_SECONDS


class Revival:
    """Writes tasks into Redis. Every method may be repeated; raises Overloaded, or StorageFull when Redis cannot
    write."""

    def __init__(self, redis: Redis, keys: Keys | None) -> None:
        self._redis, self._keys = redis, keys
        self._input_bytes, self._last_place = 0, 0.0

    async def require_rest(self, url: str) -> None:
        """Raises ConfigurationError when workers are at work in this Redis."""
        async with redis_errors():
            before = await self._redis.zrange(WORKERS, 0, -1, withscores=True)
            if not before:
                return
            # Whoever lives counts on meanwhile.
            await asyncio.sleep(ALIVE_SECONDS)
            after = await self._redis.zrange(WORKERS, 0, -1, withscores=True)
        if after != before:
            raise ConfigurationError(f"workers are at work with Redis at {shown(url)}: stop the appliance first")

    async def require_empty(self, url: str) -> None:
        """Raises ConfigurationError when there is any task."""
        async with redis_errors():
            async for _ in self._redis.scan_iter(match=f"{RECORD}*", count=1000):
                raise ConfigurationError(
                    f"Redis at {shown(url)} holds tasks, and nothing is ever overwritten: restore into an empty one"
                )

    async def add(self, tasks: Iterable[SavedTask]) -> None:
        """One batch, all or nothing."""
        async with redis_errors(), self._redis.pipeline() as pipe:
            seconds, microseconds = await self._redis.time()
            now = seconds * 1000 + microseconds // 1000
            for task in tasks:
                record = self._record(task)
                if task.retention_ms is None:
                    self._wait(pipe, task, record)
                else:
                    self._stay(pipe, task, record, max(task.retention_ms, 1), now)
            await pipe.execute()

    async def finish(self) -> None:
        """What is counted over all tasks."""
        async with redis_errors(), self._redis.pipeline() as pipe:
            pipe.set(INPUT_BYTES, self._input_bytes)
            pipe.set(SEQUENCE, int(self._last_place))
            await pipe.execute()

    def _record(self, task: SavedTask) -> TaskRecord | None:
        try:
            record = TaskRecord.unpack(task.record, self._keys)
        except RecordDamaged:
            return None  # it is restored as it was, and ends as failed when a worker meets it
        return record if record.task_id == task.task_id else None

    def _wait(self, pipe: Any, task: SavedTask, record: TaskRecord | None) -> None:
        # Its worker is none of those to come; that is not a crash.
        if record and record.state is TaskState.RUNNING:
            record = record.released(crashed=False)
        place = task.place or 0.0
        self._last_place = max(self._last_place, place)
        self._input_bytes += record.input_bytes if record else 0
        pipe.set(record_key(task.task_id), record.as_stored(self._keys) if record else task.record)
        pipe.zadd(OPEN, {task.task_id: place})
        if record:
            queued = entry(record)
            pipe.set(queued.job_key, queued.job)
            pipe.zadd(QUEUE, {task.task_id: place})
            self._remember(pipe, record, None)

    def _stay(self, pipe: Any, task: SavedTask, record: TaskRecord | None, left: int, now: int) -> None:
        pipe.set(record_key(task.task_id), task.record, px=left)
        if task.callback_ms is not None:
            pipe.zadd(CALLBACKS, {task.task_id: now + task.callback_ms})
            if task.callback_failures:
                pipe.set(failures_key(task.task_id), task.callback_failures, px=left)
        if record:
            self._remember(pipe, record, left)

    def _remember(self, pipe: Any, record: TaskRecord, left: int | None) -> None:
        """What is kept beside a record, for as long as that."""
        beside: dict[str, dict[str | bytes, bytes]] = {}
        if record.idempotency:
            beside[idempotency_key(record.idempotency)] = {
                "fingerprint": record.fingerprint,
                "proof": idempotency.proof(record, self._keys),
            }
        if record.owner:
            beside[owner_key(record.task_id)] = {"owner": owners.packed(record, self._keys)}
        if member := member_of(record):
            pipe.zadd(LISTED, {member: 0})
        for key, fields in beside.items():
            pipe.hset(key, mapping={"task": record.task_id, **fields})
            if left is not None:
                pipe.pexpire(key, left)
