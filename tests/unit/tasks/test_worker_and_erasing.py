"""What a real worker does with a task that is erased: it lets go of it, leaves nothing and takes the next one."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.task import TaskState
from schemas.voiceprint import encode
from tasks.dispatch import QUEUE, WAKE
from tasks.erasing import erase
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.patience import eventually
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.made_tasks import traces
from tests.unit.tasks.workers import EXTRACTION, Working, document, ended, submit

GOOD = document(encode(voiceprint()))


@pytest.fixture(autouse=True)
def _nothing_unforeseen_is_logged(working: Working) -> Iterator[None]:
    yield
    assert "Traceback" not in working.log.read_text()
    assert "expired" not in working.log.read_text()


@pytest.fixture(scope="module")
def recording() -> bytes:
    """An hour of noise: far more than a worker hears before it is told."""
    samples = np.random.default_rng(1).normal(0, 0.05, 8000 * 3600).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="ULAW")
    return buffer.getvalue()


def files_of(working: Working, record: TaskRecord) -> list[Path]:
    return [path for path in working.folder.rglob("*") if path.name.startswith(record.task_id)]


async def running(store: TaskStore, record: TaskRecord) -> TaskRecord:
    """The record of the task once a worker has it."""

    async def claimed() -> TaskRecord | None:
        now = await store.fetch(record.task_id)
        return now if now and now.state is TaskState.RUNNING else None

    found = await eventually(claimed)
    assert isinstance(found, TaskRecord)
    return found


async def test_a_worker_lets_go_and_takes_the_next(store: TaskStore, working: Working, recording: bytes) -> None:
    """A long recording that is erased while a worker listens to it is dropped: the next task is done long before the
    recording could have been, and of the erased one nothing is left, neither then nor later."""
    long = await submit(store, working.files, recording, EXTRACTION)
    await running(store, long)
    assert await erase(store, working.files, long.task_id)
    after = await ended(store, await submit(store, working.files, GOOD))
    assert after.state is TaskState.DONE
    assert await traces(store, long.task_id) == []
    assert files_of(working, long) == []


async def test_a_task_that_is_gone_as_it_is_taken(store: TaskStore, working: Working) -> None:
    """The entry of a task whose record and job are no longer there is dropped, and leaves no stack trace in the log."""
    await store.redis.zadd(QUEUE, {"a-task-that-was-erased": 1})
    await store.redis.lpush(WAKE, b"")
    after = await ended(store, await submit(store, working.files, GOOD))
    assert after.state is TaskState.DONE
    assert await store.redis.zcard(QUEUE) == 0


async def test_erasing_at_any_moment_leaves_nothing(store: TaskStore, workforce: Workforce, working: Working) -> None:
    """Two hundred tasks are erased while a worker takes and ends them one by one, each wherever it is by then."""
    records = [await submit(store, working.files, GOOD) for _ in range(200)]
    found = set()
    for record in reversed(records):
        now = await store.fetch(record.task_id)
        assert now is not None
        found.add(now.state)
        assert await erase(store, working.files, record.task_id)
    assert {TaskState.PENDING, TaskState.DONE} <= found, "the two did not meet"
    await ended(store, await submit(store, working.files, GOOD))
    for record in records:
        assert await traces(store, record.task_id) == []
        assert files_of(working, record) == []
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)
