"""Tasks in a real store, as far along as a test wants them."""

import uuid
from dataclasses import replace

from tasks.files import LocalFileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore

RETENTION = 1000.0
SHA256 = bytes(range(32))
TASK_ID = "5f0f6c1e-0d5b-4f6e-9c51-7f1a1b0c2d3e"
OTHER_ID = "9f0f6c1e-0d5b-4f6e-9c51-7f1a1b0c2d3e"


async def submitted(store: TaskStore, **fields: object) -> TaskRecord:
    record = replace(TaskRecord(str(uuid.uuid4()), "a-technology", 1, {}, 100, SHA256), **fields)  # type: ignore[arg-type]
    assert await store.submit(record, max_open=10_000, max_input_bytes=1 << 30) == record.task_id
    return record


async def claimed(store: TaskStore, record: TaskRecord | None = None) -> TaskRecord:
    running = await store.claim(record or await submitted(store), "a-worker")
    assert running is not None
    return running


async def done(store: TaskStore, running: TaskRecord | None = None) -> TaskRecord:
    running = running or await claimed(store)
    ended = running.done(10, SHA256)
    assert await store.finish(running, ended, retention=RETENTION)
    return ended


async def with_files(files: LocalFileStore, record: TaskRecord, *, attempts: int = 0) -> None:
    """Gives the task an upload, and a result of every attempt."""
    async with files.upload(record.task_id) as upload:
        await upload.write(bytes(record.input_bytes))
    for attempt in range(1, attempts + 1):
        files.write_result(record.task_id, attempt, b"a result")


async def traces(store: TaskStore, task_id: str) -> list[bytes]:
    """The keys in Redis whose name or content has the task's id."""
    content = {key: await store.redis.dump(key) for key in await store.redis.keys()}
    return [key for key, dumped in content.items() if task_id.encode() in key or task_id.encode() in (dumped or b"")]
