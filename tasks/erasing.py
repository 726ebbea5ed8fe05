"""Taking a task back, whatever its state: it is cancelled, and its media and result are erased."""

import asyncio

from tasks.connection import redis_errors
from tasks.files import FileStore
from tasks.keys import RECORD
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore

# How long what cannot be read stays as a failed task, if it is not erased in the next moment.
_DAMAGED_SECONDS = 60.0
_SCANNED_AT_ONCE = 1000


def belongs(record: TaskRecord, technology: str, owner: bytes) -> bool:
    """Whether a task is of `technology` and of `owner`. One whose record was found damaged does not tell its technology
    any more, but its owner, by what was kept beside it."""
    return record.technology in ("", technology) and record.owner == owner


def may_see(record: TaskRecord, technology: str, owner: bytes) -> bool:
    """Whether `owner` may learn how it stands with the task: its own, or one that was lost with all that told whose it
    was. Who made that was promised an end: whoever knows its id may learn that it has failed, and nothing else."""
    return belongs(record, technology, owner) or not (record.technology or record.owner)


async def erase(
    store: TaskStore, files: FileStore, task_id: str, technology: str = "", owner: bytes | None = None
) -> bool:
    """Erases the task, of `technology` and of `owner` when these are given. False when there is none such.

    A worker that has it notices within a heartbeat, stops, and leaves nothing behind. A damaged record, which does not
    tell its technology any more, is erased all the same. Raises Overloaded while Redis cannot be reached: then the task
    may be there still.
    """
    while (record := await _fetched(store, task_id)) is not None:
        if not belongs(record, technology or record.technology, record.owner if owner is None else owner):
            return False
        if await store.erase(record):
            await _erase_files(files, record)
            return True
        # It was claimed or it ended between the two: look again.
    return False


async def of_owner(store: TaskStore, owner: bytes) -> list[str]:
    """The ids of all tasks of `owner`, those with damaged records among them. Raises Overloaded."""
    found: set[str] = set()
    cursor = -1
    while cursor != 0:
        async with redis_errors():
            cursor, names = await store.redis.scan(max(cursor, 0), match=f"{RECORD}*", count=_SCANNED_AT_ONCE)
        task_ids = [name.decode(errors="replace").removeprefix(RECORD) for name in names]
        records = await store.records(task_ids)
        for task_id in task_ids:
            record = records.get(task_id)
            if (record.owner if record else await store.owner(task_id)) == owner:
                found.add(task_id)
    return sorted(found)


async def _fetched(store: TaskStore, task_id: str) -> TaskRecord | None:
    try:
        return await store.fetch(task_id)
    except RecordDamaged as error:
        await store.fail_damaged(task_id, error, retention=_DAMAGED_SECONDS)
        return await store.fetch(task_id)


async def _erase_files(files: FileStore, record: TaskRecord) -> None:
    files.erase_input(record.task_id)
    if not record.technology:
        await asyncio.to_thread(files.erase_results, record.task_id)
    # One attempt may have ended in a crash after its result was written.
    for attempt in range(1, record.attempt + 1):
        files.erase_result(record.task_id, attempt)
