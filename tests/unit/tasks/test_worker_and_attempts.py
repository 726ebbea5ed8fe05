"""Attempts that nobody works on, and attempts that hang."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.task import TaskState
from schemas.voiceprint import encode
from tasks.files import LocalFileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tests.own_redis import OwnRedis
from tests.patience import eventually
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.workers import CONVERSION, RUN, Start, Working, document, ended, given, submit

# A function of the C library, called as Python calls its own: no other thread runs until it returns.
HANG = """
import ctypes, tasks.attempt
tasks.attempt.jobs = lambda: dict.fromkeys(jobs(), lambda work: ctypes.PyDLL(None).sleep(1000))
"""


async def test_a_claim_whose_answer_was_lost_is_given_back(store: TaskStore, working: Working) -> None:
    """A worker that owns a task without knowing, since the connection broke when it was told, gives it back and does
    it; it counts no crash."""
    working.process.send_signal(signal.SIGSTOP)
    try:
        record = await submit(store, working.files, document(encode(voiceprint())))
        assert await store.claim(record, working.name)
    finally:
        working.process.send_signal(signal.SIGCONT)
    done = await ended(store, record)
    assert (done.state, done.attempt, done.crashes) == (TaskState.DONE, 2, 0)


@pytest.fixture
async def own_store(own_redis: OwnRedis) -> AsyncIterator[TaskStore]:
    """Of which no other worker knows."""
    async with TaskStore.open(own_redis.url) as opened:
        yield opened


@contextmanager
def full_disk(worker: Working, record: TaskRecord) -> Iterator[None]:
    """No result of the first attempt at the task can be written."""
    partial = worker.folder / "partial" / f"{record.task_id}.1"
    relieved = threading.Event()

    def keep_full() -> None:
        # Whoever fails to write removes what there is.
        while not relieved.wait(0.01):
            with suppress(FileExistsError):
                partial.symlink_to("/dev/full")
        partial.unlink(missing_ok=True)

    partial.symlink_to("/dev/full")
    with ThreadPoolExecutor(1) as pool:
        keeping = pool.submit(keep_full)
        try:
            yield
        finally:
            relieved.set()
            keeping.result()


async def submitted_to_a_full_disk(store: TaskStore, worker: Working, disk: ExitStack) -> TaskRecord:
    """A task whose result waits for room until `disk` is closed."""
    record = TaskRecord(str(uuid.uuid4()), CONVERSION, 1_750_000_000_123, {})
    async with worker.files.upload(record.task_id) as upload:
        await upload.write(document(encode(voiceprint())))
    record = replace(record, input_bytes=upload.size, input_sha256=upload.sha256)
    disk.enter_context(full_disk(worker, record))
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)

    async def waits() -> bool:
        return f"task {record.task_id} waits for room" in worker.log.read_text()

    await eventually(waits)
    return record


async def test_a_result_waits_for_room(own_store: TaskStore, own_redis: OwnRedis, start: Start) -> None:
    """On a full disk a task goes on running, however often its result finds no room, and is done in the same attempt
    when there is some."""
    worker = start(redis_url=own_redis.url)
    with ExitStack() as disk:
        record = await submitted_to_a_full_disk(own_store, worker, disk)
        running = await own_store.fetch(record.task_id)
    done = await ended(own_store, record)
    assert running is not None
    assert running.state is TaskState.RUNNING
    assert (done.state, done.attempt, done.crashes) == (TaskState.DONE, 1, 0)


async def test_what_waits_for_room_is_given_back(own_store: TaskStore, own_redis: OwnRedis, start: Start) -> None:
    """A worker that is told to leave while its result finds no room gives the task back, which counts no crash."""
    worker = start(redis_url=own_redis.url)
    with ExitStack() as disk:
        record = await submitted_to_a_full_disk(own_store, worker, disk)
        worker.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(worker.process.wait, 60) == 0
    waiting = await own_store.fetch(record.task_id)
    assert waiting is not None
    assert (waiting.state, waiting.attempt, waiting.crashes) == (TaskState.PENDING, 1, 0)
    assert list((worker.folder / "results").iterdir()) == []


@pytest.mark.timeout(240)
async def test_an_attempt_that_hangs_ends_with_its_worker(
    own_redis: OwnRedis, models_dir: Path, tmp_path: Path
) -> None:
    """Even one that hangs in native code and lets no other thread run. The second such attempt is the last."""
    files = LocalFileStore(tmp_path / "store")
    code = f"from tasks.jobs import jobs{HANG}{RUN}"

    def work(number: int) -> "subprocess.Popen[bytes]":
        limits = {"drain_timeout": 1.0, "longest_attempt": 1.0}
        config = given(f"hanging-{number}", own_redis.url, tmp_path / "store", models_dir, **limits)
        return subprocess.Popen([sys.executable, "-c", code, json.dumps(config)], stderr=subprocess.PIPE)

    async with TaskStore.open(own_redis.url) as store:
        record = await submit(store, files, document(encode(voiceprint())))
        for number in range(2):
            with work(number) as process:
                _, told = await asyncio.to_thread(process.communicate)
            assert process.returncode == 1
            assert b"Timeout" in told
        with work(2) as process:
            failed = await ended(store, record)
            process.kill()
    assert (failed.state, failed.attempt) == (TaskState.FAILED, 2)
    assert failed.error is not None
    assert "2 workers died" in failed.error["message"]
