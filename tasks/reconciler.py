"""The reconciler: what the records say is true, and every other key is made to agree with them.

Nothing needs it as long as each change is one script and Redis keeps what it was told. Of an append-only file that has
lost its end or some of its middle Redis reads the rest: then tasks wait in no queue, run without a worker, or take room
after their end. A round looks at every record once, a thousand at a time, and rests in between.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any

from tasks.connection import redis_errors
from tasks.dispatch import QUEUE
from tasks.keys import (
    IDEMPOTENCY,
    INPUT_BYTES,
    OPEN,
    OWNER,
    RECORD,
    RUNNING,
    SEQUENCE,
    idempotency_key,
    owner_key,
    record_key,
)
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore

log = logging.getLogger(__name__)

_AT_ONCE = 1000
# Counts the corrections of the room that uploads take, so that two who have counted it do not both correct it.
_CORRECTIONS = "voiceprint:input-corrections"
# Of the time of one processor, and of Redis, no more than a fifth.
_REST = 4.0
_FOREVER, _GONE = -1, -2


class Reconciler:
    """Rounds over all records in `store`. A task that can be put right no other way ends as failed, and is then known
    for `retention` seconds. A round is given up when `stopped` is set. Raises Overloaded or StorageFull while Redis is
    away or full; what was done is done."""

    def __init__(self, store: TaskStore, *, retention: float, stopped: asyncio.Event | None = None) -> None:
        self._store = store
        self._retention = retention
        self._stopped = stopped or asyncio.Event()

    async def round(self) -> int:
        """Looks at everything once; returns how many tasks and keys were put right."""
        changed: int = 0
        async for task_ids in self._batches(RECORD):
            changed += await self._records(task_ids)
        changed += await self._without_records()
        changed += await self._room()
        changed += await self._store.run("order", [SEQUENCE, OPEN], [])
        for prefix in (IDEMPOTENCY, OWNER):
            async for names in self._batches(prefix):
                changed += await self._store.run("forget", [prefix + name for name in names], [RECORD])
        if changed:
            log.warning("%d tasks and keys in Redis were not as the task records say, and were put right", changed)
        return changed

    async def _batches(self, prefix: str) -> AsyncIterator[list[str]]:
        """What follows the prefix, of all keys that have it."""
        cursor = 0
        while True:
            began = time.monotonic()
            async with redis_errors():
                cursor, found = await self._store.redis.scan(cursor, match=prefix + "*", count=_AT_ONCE)
            names = [_text(key).removeprefix(prefix) for key in found]
            if names:
                yield names
            if cursor == 0:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _REST * (time.monotonic() - began))
                return

    async def _records(self, task_ids: Sequence[str]) -> int:
        async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
            pipe.mget(map(record_key, task_ids))
            pipe.zmscore(OPEN, list(task_ids))
            pipe.hmget(RUNNING, list(task_ids))
            pipe.zmscore(QUEUE, list(task_ids))
            for task_id in task_ids:
                pipe.pttl(record_key(task_id))
            records, opened, running, queued, *left = await pipe.execute()
        changed = 0
        wrong: list[TaskRecord] = []
        named: list[TaskRecord] = []
        for task_id, data, *seen in zip(task_ids, records, opened, running, queued, left, strict=True):
            if seen[-1] == _GONE:
                continue  # it has expired or was erased this moment
            try:
                # What is there and is no string is no record either.
                record = self._store.unpack(task_id, data or b"")
            except RecordDamaged:
                await self._store.read(task_id, retention=self._retention)
                changed += 1
            else:
                if _disagree(record, *seen):
                    wrong.append(record)
                elif (record.idempotency or record.owner) and not record.state.terminal:
                    named.append(record)
        for record in (*wrong, *await self._forgotten(named)):
            changed += await self._store.reconcile(record, retention=self._retention)
        return changed

    async def _forgotten(self, records: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Those whose idempotency key, or whose owner, is not remembered."""
        expected = [
            [idempotency_key(record.idempotency)] * bool(record.idempotency)
            + [owner_key(record.task_id)] * bool(record.owner)
            for record in records
        ]
        async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
            for keys in expected:
                pipe.exists(*keys)
            there = await pipe.execute()
        return [record for record, keys, found in zip(records, expected, there, strict=True) if found < len(keys)]

    async def _without_records(self) -> int:
        """What stands in the keys that name tasks: a record that is gone is told, and ends or is forgotten."""
        async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(OPEN, 0, -1)
            pipe.hkeys(RUNNING)
            pipe.zrange(QUEUE, 0, -1)
            found: list[list[bytes]] = await pipe.execute()
        changed = 0
        for some in _split(sorted({_text(task_id) for names in found for task_id in names})):
            async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
                for task_id in some:
                    pipe.exists(record_key(task_id))
                there = await pipe.execute()
            for task_id, is_there in zip(some, there, strict=True):
                if not is_there:
                    changed += await self._store.fail_lost(task_id, retention=self._retention)
        return changed

    async def _room(self) -> int:
        """Corrects the count of what uploads take. The size of a task's upload never changes, so what was counted
        may be compared with what the records say, although tasks come and go meanwhile."""
        async with redis_errors(), self._store.redis.pipeline(transaction=True) as pipe:
            pipe.get(INPUT_BYTES)
            pipe.zrange(OPEN, 0, -1)
            pipe.get(_CORRECTIONS)
            counted, task_ids, corrections = await pipe.execute()
        size = 0
        for some in _split([_text(task_id) for task_id in task_ids]):
            records = await self._store.records(some)
            if len(records) < len(some) or None in records.values():
                return 0  # next time: one was erased meanwhile, or is damaged
            size += sum(record.input_bytes for record in records.values() if record is not None)
        if (difference := size - int(counted or 0)) == 0:
            return 0
        done = await self._store.run("correct_bytes", [INPUT_BYTES, _CORRECTIONS], [int(corrections or 0), difference])
        return int(done)


def _disagree(record: TaskRecord, place: Any, worker: bytes | None, queued: Any, left: int) -> bool:
    """Whether a record says something else than the other keys: its place among the open tasks, the worker that has it,
    its place in the queue, and the milliseconds that it has left."""
    if record.state.terminal:
        return left == _FOREVER or any(seen is not None for seen in (place, worker, queued))
    owner = record.worker.encode() or None
    return left != _FOREVER or place is None or worker != owner or (queued is None) is (owner is None)


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def _split(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[first : first + _AT_ONCE] for first in range(0, len(names), _AT_ONCE))
