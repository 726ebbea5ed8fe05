"""The task store: task records in Redis, changed only by the Lua scripts beside this file. Its keys
are those of `tasks/keys.py`.
"""

import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Protocol, Self

from redis.asyncio import Redis

from schemas.errors import Conflict, Overloaded, StorageFull, TaskInternalError
from schemas.keyring import Keys
from schemas.task import TaskState
from tasks import idempotency, owners
from tasks.connection import connect, redis_errors
from tasks.dispatch import QUEUE, WAKE, entry
from tasks.idempotency import Earlier
from tasks.keys import (
    ENDED,
    INPUT_BYTES,
    LISTED,
    OPEN,
    RUNNING,
    SEQUENCE,
    end_keys,
    idempotency_key,
    owner_key,
    record_key,
)
from tasks.listed import member_of
from tasks.record import RecordDamaged, TaskRecord, now_ms
from tasks.records import Records

log = logging.getLogger(__name__)

# An ended task that somebody awaits stays no longer: its result is read at once, unless who waited was killed.
AWAITED_SECONDS = 600.0
_LOST = "the task record was lost from the store"


def new_worker_name() -> str:
    """A name for one process and no other: in a container that is restarted, host name and process id come back."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


class Told(Protocol):
    """Hears of the end of a task that was not taken back."""

    def __call__(self, record: TaskRecord, *, again: bool = False) -> None:
        """`again` is one that had ended already, and whose record was found damaged since."""


def untold(record: TaskRecord, *, again: bool = False) -> None:
    """Nobody hears of it."""


class TaskStore(Records):
    """The records, and every change of them, which is one script's.

    `ended` is told the id of every task that reaches its end through this store, so that its upload can be erased, and
    `told` the record of each that was not taken back.
    """

    def __init__(
        self,
        redis: Redis,
        ended: Callable[[str], None] = lambda _: None,
        keys: Keys | None = None,
        *,
        told: Told = untold,
    ) -> None:
        super().__init__(redis, keys)
        self._told = told
        self._ended = ended

    @classmethod
    def open(
        cls,
        url: str,
        ended: Callable[[str], None] = lambda _: None,
        keys: Keys | None = None,
        *,
        told: Told = untold,
    ) -> Self:
        return cls(connect(url), ended, keys, told=told)

    async def submit(self, record: TaskRecord, *, max_open: int, max_input_bytes: int) -> str:
        """Makes the task exist and wait. Returns its id, or that of the task which an equal request with the same
        idempotency key has made before.

        Raises Overloaded or StorageFull when there is no room for it, Conflict when the idempotency key was used for
        another request.
        """
        queued = entry(record)
        own_keys = [queued.job_key, idempotency_key(record.idempotency), owner_key(record.task_id)]
        answer: bytes | list[bytes] = await self.run(
            "submit",
            [record_key(record.task_id), OPEN, INPUT_BYTES, SEQUENCE, QUEUE, WAKE, *own_keys, LISTED],
            [
                record.pack(self._keys),
                record.task_id,
                max_open,
                max_input_bytes,
                record.input_bytes,
                queued.job,
                record.fingerprint if record.idempotency else b"",
                record_key(""),
                owners.packed(record, self._keys),
                idempotency.proof(record, self._keys),
                member_of(record),
            ],
        )
        if isinstance(answer, list):
            earlier = Earlier.read(answer)
            fingerprint = await self._asked_before(earlier, record.idempotency)
            if fingerprint is None:
                await self.run("disbelieve", [idempotency_key(record.idempotency)], answer)
                return await self.submit(record, max_open=max_open, max_input_bytes=max_input_bytes)
            if fingerprint != record.fingerprint:
                raise Conflict("this Idempotency-Key was used for another request: send a new one with a new request")
            return earlier.task_id
        if answer == b"queue full":
            raise Overloaded(f"the queue is full: {max_open} tasks wait or run already", headers={"Retry-After": "10"})
        if answer == b"storage full":
            raise StorageFull(f"the uploads that wait already fill the input storage of {max_input_bytes} bytes")
        return answer.decode()

    async def read(self, task_id: str, *, retention: float) -> TaskRecord | None:
        """As `fetch`, but a task whose record is found damaged ends as failed."""
        try:
            return await self.fetch(task_id)
        except RecordDamaged as error:
            await self.fail_damaged(task_id, error, retention=retention)
            return await self.fetch(task_id)

    async def claim(self, record: TaskRecord, worker: str) -> TaskRecord | None:
        """The record as running under `worker`, or None when another was first."""
        claimed = record.claimed(worker)
        queued = entry(record)
        taken = await self.run(
            "claim",
            [record_key(record.task_id), RUNNING, QUEUE, queued.job_key, queued.in_progress_key, queued.retry_key],
            [record.as_stored(self._keys), claimed.pack(self._keys), record.task_id, worker],
        )
        return claimed if taken else None

    async def finish(self, record: TaskRecord, ended: TaskRecord, *, retention: float) -> bool:
        """Replaces `record` by `ended`, for `retention` seconds. False when the task is no longer this attempt's."""
        return await self._finish(record.as_stored(self._keys), ended, retention)

    async def requeue(self, record: TaskRecord, *, crashed: bool = False) -> bool:
        """Back to the task's place in the queue. False when the record has changed meanwhile."""
        released = record.released(crashed=crashed)
        queued = entry(released)
        keys = [queued.job_key, queued.in_progress_key, queued.retry_key]
        changed = await self.run(
            "requeue",
            [record_key(record.task_id), OPEN, RUNNING, QUEUE, WAKE, *keys],
            [record.as_stored(self._keys), released.pack(self._keys), record.task_id, queued.job],
        )
        return bool(changed)

    async def erase(self, record: TaskRecord) -> bool:
        """Makes the task cease to exist; whoever works on it can no longer finish it. False when the record has
        changed meanwhile; one that is gone is erased."""
        changed = await self.run(
            "erase",
            end_keys(record),
            [record.as_stored(self._keys), record.task_id, record.input_bytes, ENDED, member_of(record)],
        )
        if changed:
            self._ended(record.task_id)
        return bool(changed)

    async def reconcile(self, record: TaskRecord, *, retention: float) -> bool:
        """Makes all other keys say of the task what its record says; True when one of them did not."""
        queued = entry(record)
        keys = [queued.job_key, queued.in_progress_key, queued.retry_key]
        changed = await self.run(
            "reconcile",
            [record_key(record.task_id), OPEN, RUNNING, QUEUE, WAKE, *keys],
            [
                record.as_stored(self._keys),
                record.task_id,
                "ended" if record.state.terminal else record.state.value,
                record.worker,
                queued.job,
                int(retention * 1000),
            ],
        )
        return bool(changed)

    async def remember(self, records: Sequence[TaskRecord]) -> int:
        """Keeps of each beside its record by which idempotency key it was made, unless another task proves that it was,
        and whose it is; returns how many of these had been lost or changed."""
        async with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
            for record in records:
                pipe.hmget(idempotency_key(record.idempotency), idempotency.FIELDS)
                pipe.hget(owner_key(record.task_id), "owner")
            # One that is no hash holds nothing.
            kept = iter(await pipe.execute(raise_on_error=False))
        changed = 0
        for record, found, owner in zip(records, kept, kept, strict=True):
            earlier = Earlier.read(found if isinstance(found, list) else [None] * len(idempotency.FIELDS))
            owned = owners.unpacked(record.task_id, owner if isinstance(owner, bytes) else None, self._keys)
            proof = b"" if earlier.is_proven(record.idempotency, self._keys) else idempotency.proof(record, self._keys)
            packed = b"" if owned == record.owner else owners.packed(record, self._keys)
            if proof or packed:
                changed += await self.run(
                    "remember",
                    [record_key(record.task_id), idempotency_key(record.idempotency), owner_key(record.task_id)],
                    [
                        record.as_stored(self._keys),
                        record.task_id,
                        earlier.proof,
                        record.fingerprint,
                        proof,
                        packed,
                    ],
                )
        return changed

    async def fail_lost(self, task_id: str, *, retention: float) -> bool:
        """Ends a task that is still open somewhere and has no record. False when there is none such."""
        return await self._finish(b"", await self._failed(task_id, _LOST), retention)

    async def fail_forgotten(self, task_id: str, *, retention: float) -> None:
        """Ends a task of which nothing is left here, unless there is something after all."""
        ended = await self._failed(task_id, _LOST)
        async with redis_errors():
            packed, milliseconds = ended.pack(self._keys), int(retention * 1000)
            made = await self.redis.set(record_key(task_id), packed, px=milliseconds, nx=True)
            if made:
                await self.redis.pexpire(owner_key(task_id), milliseconds)
        if made:
            self._ended(task_id)
            self._told(ended)

    async def fail_damaged(self, task_id: str, error: RecordDamaged, *, retention: float) -> None:
        """Ends a task whose record cannot be read, if it had ended already once more."""
        try:
            data = await self._stored(task_id) or b""
        except RecordDamaged:
            # It is there all the same: a task whose record is gone may have been erased.
            async with redis_errors():
                await self.redis.set(record_key(task_id), b"", xx=True)
            data = b""
        ended = await self._failed(task_id, error.message)
        # Its state cannot change unless the record does, and then this is not its end.
        again = not await self.still_open([task_id])
        if await self._finish(data, ended, retention, again=again):
            log.error("task %s: %s; it is failed%s", task_id, error.message, ", and had ended before" if again else "")

    async def _failed(self, task_id: str, message: str) -> TaskRecord:
        """The end of a task of which nothing is known any more but whose it is."""
        made = TaskRecord(task_id, technology="", created_ms=now_ms(), owner=await self.owner(task_id))
        return made.refused(TaskState.FAILED, TaskInternalError(message).body())

    async def _finish(self, old: bytes, ended: TaskRecord, retention: float, *, again: bool = False) -> bool:
        if ended.awaited:
            retention = min(retention, AWAITED_SECONDS)
        changed = await self.run(
            "finish",
            end_keys(ended),
            [
                old,
                ended.pack(self._keys),
                ended.task_id,
                ended.input_bytes,
                int(retention * 1000),
                ENDED,
                int(ended.callback is not None),
            ],
        )
        if changed:
            self._ended(ended.task_id)
            self._told(ended, again=again)
        return bool(changed)
