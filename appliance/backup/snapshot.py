"""The tasks of an appliance that may be at work meanwhile: of each its record and its file, as they were at one moment.

A record is read first and its file opened then. Files are written before the record that names them and erased after
it was changed, and an open file stays readable: whoever opens what the record names has what it stands for. Where
the file is gone, the record has changed too, and is read again; when it has not, both are kept as they are, and the
task ends after a restore as it would have ended here.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path

from redis.asyncio import Redis

from appliance.backup.format import INPUT, RESULT, SavedTask, is_task_id
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.keyring import Keys
from tasks.callbacks import failures_key
from tasks.connection import redis_errors
from tasks.files import LocalFileStore
from tasks.keys import CALLBACKS, OPEN, RECORD, record_key
from tasks.record import RecordDamaged, TaskRecord, key_id

_SCANNED_AT_ONCE = 1000
# So many files are open at one time.
_TASKS_AT_ONCE = 200
# How long the damaged record of an ended task is kept that should have told: it ends as failed when a worker meets it.
_DAMAGED_MS = 3_600_000

Found = tuple[SavedTask, str, FileIO | None]


class Snapshot:
    """Tasks in Redis with their files in the store; without `ended`, those that have not ended only.

    `unreadable` counts ended tasks whose record is damaged or was authenticated otherwise than with `keys`: nobody can
    have their results any more, here as there.
    """

    def __init__(self, redis: Redis, files: LocalFileStore, keys: Keys | None, *, ended: bool = True) -> None:
        self._redis, self._files, self._keys, self._ended = redis, files, keys, ended
        self.unreadable = 0

    async def task_ids(self) -> list[str]:
        """Every task that there is now; of those that come or go meanwhile some. Raises Overloaded."""
        found: set[str] = set()
        async with redis_errors():
            async for key in self._redis.scan_iter(match=f"{RECORD}*", count=_SCANNED_AT_ONCE):
                found.add(key.decode().removeprefix(RECORD))
        return sorted(filter(is_task_id, found))

    async def batches(self, task_ids: Sequence[str]) -> AsyncIterator[list[Found]]:
        """The tasks that are still there, each with the name of its file and the file, which is open until the next
        batch is asked for.

        Raises Overloaded, ConfigurationError without the key ring that the records were made with, or OSError for a
        store that cannot be read."""
        for first in range(0, len(task_ids), _TASKS_AT_ONCE):
            with ExitStack() as opened:
                yield await self._batch(task_ids[first : first + _TASKS_AT_ONCE], opened)

    async def _batch(self, task_ids: Sequence[str], opened: ExitStack) -> list[Found]:
        found: list[Found] = []
        seen: dict[str, bytes] = {}
        while task_ids:
            again = []
            for task in await self._read(task_ids):
                name, path = self._file(task)
                try:
                    file = opened.enter_context(plain_file.opened(path)) if path else None
                except FileNotFoundError:
                    if seen.get(task.task_id) != task.record:
                        seen[task.task_id] = task.record
                        again.append(task.task_id)
                        continue
                    file = None
                if self._ended or task.retention_ms is None:
                    found.append((task, name, file))
            task_ids = again
        return found

    async def _read(self, task_ids: Sequence[str]) -> list[SavedTask]:
        """Each task that is there, all of it at one moment."""
        async with redis_errors(), self._redis.pipeline() as pipe:
            pipe.time()
            for task_id in task_ids:
                pipe.get(record_key(task_id))
                pipe.pttl(record_key(task_id))
                pipe.zscore(OPEN, task_id)
                pipe.zscore(CALLBACKS, task_id)
                pipe.get(failures_key(task_id))
            (seconds, microseconds), *answers = await pipe.execute()
        now = seconds * 1000 + microseconds // 1000
        found = []
        for task_id, (record, left, place, due, failures) in zip(
            task_ids, zip(*[iter(answers)] * 5, strict=True), strict=True
        ):
            if record is not None:
                retention = left if left >= 0 else None
                if retention is None and place is None and self._damaged(record):
                    retention = _DAMAGED_MS
                waits = None if due is None else max(0, int(due) - now)
                found.append(SavedTask(task_id, record, retention, place, waits, int(failures or 0)))
        return found

    def _damaged(self, record: bytes) -> bool:
        try:
            TaskRecord.unpack(record, self._keys)
        except RecordDamaged:
            return True
        return False

    def _file(self, task: SavedTask) -> tuple[str, Path | None]:
        """The name and the place of the file that the task needs, if it needs one."""
        if self._keys is None and key_id(task.record):
            raise ConfigurationError(
                "this appliance has a key ring, without which its tasks are lost: set VOICEPRINT_KEY_RING to it"
            )
        if task.retention_ms is None:
            return INPUT + task.task_id, self._files.input(task.task_id)
        try:
            record = TaskRecord.unpack(task.record, self._keys)
        except RecordDamaged:
            self.unreadable += 1
            return "", None
        if not record.result_bytes:
            return "", None
        path = self._files.result(task.task_id, record.attempt)
        return RESULT + path.name, path
