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
from itertools import chain
from typing import Any

from schemas.errors import StorageFull
from schemas.task import is_task_id
from tasks import listing
from tasks.connection import Unreachable, redis_errors
from tasks.dispatch import QUEUE
from tasks.keys import IDEMPOTENCY, INPUT_BYTES, LISTED, OPEN, OWNER, RECORD, RUNNING, SEQUENCE, record_key
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore

log = logging.getLogger(__name__)

_AT_ONCE = 1000
# Counts the corrections of the room that uploads take, so that two who have counted it do not both correct it.
_CORRECTIONS = "voiceprint:input-corrections"
# Of the time of one processor, and of Redis, no more than a tenth; on a busy machine, where all takes longer, it rests
# for no longer than that for it.
_REST, _LONGEST_REST_SECONDS = 9.0, 1.0
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
        async for keys in self._batches(RECORD):
            task_ids, others = _told_apart(RECORD, keys)
            changed += await self._deleted(others) + await self._records(task_ids)
        changed += await self._without_records()
        changed += await self._room()
        changed += await self._listed()
        changed += await self._store.run("order", [SEQUENCE, OPEN], [])
        async for keys in self._batches(IDEMPOTENCY):
            changed += await self._store.run("forget", keys, [RECORD])
        async for keys in self._batches(OWNER):
            task_ids, others = _told_apart(OWNER, keys)
            changed += await self._deleted(others)
            changed += await self._store.run("forget", [OWNER + task_id for task_id in task_ids], [RECORD])
        if changed:
            log.warning("%d tasks and keys in Redis were not as the task records say, and were put right", changed)
        return changed

    async def _batches(self, prefix: str) -> AsyncIterator[list[bytes]]:
        """All keys that begin with the prefix."""
        cursor = 0
        while True:
            began = time.monotonic()
            async with redis_errors():
                cursor, found = await self._store.redis.scan(cursor, match=prefix + "*", count=_AT_ONCE)
            if found:
                yield found
            if cursor == 0:
                return
            with suppress(TimeoutError):
                rest = min(_REST * (time.monotonic() - began), _LONGEST_REST_SECONDS)
                await asyncio.wait_for(self._stopped.wait(), rest)
                return

    async def _deleted(self, keys: Sequence[bytes]) -> int:
        """Keys that no task has, made up by whoever can write to Redis: nothing is done by what they say."""
        async with redis_errors():
            return int(await self._store.redis.delete(*keys)) if keys else 0

    async def _records(self, task_ids: Sequence[str]) -> int:
        if not task_ids:
            return 0
        async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
            pipe.mget(map(record_key, task_ids))
            pipe.zmscore(OPEN, list(task_ids))
            pipe.hmget(RUNNING, list(task_ids))
            pipe.zmscore(QUEUE, list(task_ids))
            for task_id in task_ids:
                pipe.pttl(record_key(task_id))
            records, opened, running, queued, *left = await pipe.execute()
        changed = 0
        whole: list[TaskRecord] = []
        wrong: list[TaskRecord] = []
        named: list[TaskRecord] = []
        for task_id, data, *seen in zip(task_ids, records, opened, running, queued, left, strict=True):
            if seen[-1] == _GONE:
                continue  # it has expired or was erased this moment
            try:
                # What is there and is no string is no record either.
                record = self._store.unpack(task_id, data or b"")
            except RecordDamaged as error:
                changed += await self._ended(task_id, error)
            else:
                whole.append(record)
                if _disagree(record, *seen):
                    wrong.append(record)
                if record.idempotency or record.owner:
                    named.append(record)
        for record in wrong:
            changed += await self._store.reconcile(record, retention=self._retention)
        changed += await listing.missing(self._store, whole)
        return changed + await self._store.remember(named)

    async def _ended(self, task_id: str, damage: RecordDamaged) -> int:
        """Ends a task whose record is damaged; returns how many have ended. One that resists does not end the round."""
        try:
            await self._store.fail_damaged(task_id, damage, retention=self._retention)
        except (Unreachable, StorageFull):
            raise
        except Exception as error:
            log.error("task %s: %s, and it cannot be ended: %s", task_id, damage.message, error)
            return 0
        return 1

    async def _without_records(self) -> int:
        """What stands in the keys that name tasks: a record that is gone is told, and ends or is forgotten."""
        async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(OPEN, 0, -1)
            pipe.hkeys(RUNNING)
            pipe.zrange(QUEUE, 0, -1)
            found: list[list[bytes]] = await pipe.execute()
        task_ids, others = _told_apart("", set(chain.from_iterable(found)))
        changed = 0
        if others:
            async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
                pipe.zrem(OPEN, *others)
                pipe.hdel(RUNNING, *others)  # type: ignore[arg-type]
                pipe.zrem(QUEUE, *others)
                changed += sum(await pipe.execute())
        for some in _split(sorted(task_ids)):
            async with redis_errors(), self._store.redis.pipeline(transaction=False) as pipe:
                for task_id in some:
                    pipe.exists(record_key(task_id))
                there = await pipe.execute()
            for task_id, is_there in zip(some, there, strict=True):
                if not is_there:
                    changed += await self._store.fail_lost(task_id, retention=self._retention)
        return changed

    async def _listed(self) -> int:
        """What is in the list of all tasks and is none."""
        changed = cursor = 0
        while True:
            async with redis_errors():
                cursor, found = await self._store.redis.zscan(LISTED, cursor, count=_AT_ONCE)
            changed += await listing.without_record(self._store, [member for member, _ in found])
            if cursor == 0 or self._stopped.is_set():
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


def _told_apart(prefix: str, keys: Iterable[bytes]) -> tuple[list[str], list[bytes]]:
    """The ids of tasks that follow the prefix, and the keys in which none does."""
    task_ids: list[str] = []
    others: list[bytes] = []
    for key in keys:
        if is_task_id(name := _text(key).removeprefix(prefix)):
            task_ids.append(name)
        else:
            others.append(key)
    return task_ids, others


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def _split(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[first : first + _AT_ONCE] for first in range(0, len(names), _AT_ONCE))
