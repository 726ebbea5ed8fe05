"""What Redis holds of tasks, for whoever only reads it: their records, and what is kept beside each."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.keyring import Keys
from tasks import idempotency, owners
from tasks.connection import Foreign, redis_errors, refuse
from tasks.idempotency import Earlier
from tasks.keys import OPEN, idempotency_key, owner_key, record_key
from tasks.lane import Lane
from tasks.record import RecordDamaged, TaskRecord

_RECORDS_AT_ONCE = 1000
# A record has some hundred bytes, seldom thousands.
_RECORDS_KEPT = 1024


class Records:
    """Every method may be repeated; raises Overloaded while Redis cannot be reached.

    `lane` is the way to Redis of whatever is asked often. Records are authenticated with `keys`.
    """

    def __init__(self, redis: Redis, keys: Keys | None = None) -> None:
        self.redis = redis
        self._keys = keys
        # Whoever waits for a task looks at the same bytes again and again.
        self._proven = lru_cache(_RECORDS_KEPT)(partial(TaskRecord.unpack, keys=keys))
        folder = Path(__file__).parent
        self.lane = Lane(redis, {path.stem: path.read_text() for path in folder.glob("*.lua")})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.redis.aclose(close_connection_pool=True)

    async def ping(self) -> None:
        async with redis_errors():
            await self.lane.call("PING")

    async def run(self, script: str, keys: Sequence[str | bytes], arguments: list[Any]) -> Any:
        """What the Lua script of that name answers."""
        try:
            return await self.lane.run(script, keys, arguments)
        except RedisError as error:
            refuse(error)

    async def fetch(self, task_id: str) -> TaskRecord | None:
        """The record, or None for a task that is unknown or expired. Raises RecordDamaged."""
        data = await self._stored(task_id)
        return None if data is None else self.unpack(task_id, data)

    async def records(self, task_ids: Sequence[str]) -> dict[str, TaskRecord | None]:
        """The records of those tasks that are known; None for one that is damaged."""
        if not task_ids:
            return {}
        async with redis_errors():
            stored = await self.lane.call("MGET", *map(record_key, task_ids))
        found: dict[str, TaskRecord | None] = {}
        for task_id, data in zip(task_ids, stored, strict=True):
            if data is not None:
                found[task_id] = None
                with suppress(RecordDamaged):
                    found[task_id] = self.unpack(task_id, data)
        return found

    async def open_records(self) -> AsyncIterator[TaskRecord]:
        """The records of the tasks that have not ended; one that ends meanwhile, or is damaged, is passed over."""
        async with redis_errors():
            task_ids = await self.redis.zrange(OPEN, 0, -1)
            for first in range(0, len(task_ids), _RECORDS_AT_ONCE):
                some = [task_id.decode() for task_id in task_ids[first : first + _RECORDS_AT_ONCE]]
                for task_id, data in zip(some, await self.redis.mget(map(record_key, some)), strict=True):
                    with suppress(RecordDamaged):
                        if data is not None:
                            yield self.unpack(task_id, data)

    async def still_open(self, task_ids: Sequence[str]) -> set[str]:
        """Those of `task_ids` that have not ended."""
        if not task_ids:
            return set()
        async with redis_errors():
            places = await self.lane.call("ZMSCORE", OPEN, *task_ids)
        return {task_id for task_id, place in zip(task_ids, places, strict=True) if place is not None}

    async def owner(self, task_id: str) -> bytes:
        """Whose the task is, by what is kept beside its record; empty where that tells nobody."""
        try:
            async with redis_errors():
                kept: bytes | None = await self.redis.hget(owner_key(task_id), "owner")  # type: ignore[misc]
        except Foreign:
            return b""
        return owners.unpacked(task_id, kept, self._keys)

    async def remembers(self, digest: bytes) -> bool:
        """Whether a task was made with this idempotency key, by its digest."""
        async with redis_errors():
            found = await self.redis.hmget(idempotency_key(digest), idempotency.FIELDS)  # type: ignore[misc]
        return await self._asked_before(Earlier.read(found), digest) is not None

    async def _asked_before(self, earlier: Earlier, digest: bytes) -> bytes | None:
        """The fingerprint of the request by which the earlier task was made with that idempotency key; None for a task
        that was not."""
        if earlier.is_proven(digest, self._keys):
            return earlier.fingerprint
        with suppress(RecordDamaged):
            made = await self.fetch(earlier.task_id)
            if made is not None and made.idempotency == digest:
                return made.fingerprint
        return None

    def stored(self, record: TaskRecord) -> bytes:
        """The bytes of the record, as they are stored."""
        return record.as_stored(self._keys)

    def unpack(self, task_id: str, data: bytes) -> TaskRecord:
        """The record of the task, as it is stored. Raises RecordDamaged."""
        record = self._proven(data)
        if record.task_id != task_id:
            raise RecordDamaged("the task record in the store is that of another task")
        return record

    async def _stored(self, task_id: str) -> bytes | None:
        try:
            data: bytes | None = await self.lane.call("GET", record_key(task_id))
        except RedisError as error:
            try:
                refuse(error)
            except Foreign:
                raise RecordDamaged("the task record in the store is none") from error
        return data
