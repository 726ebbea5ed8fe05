"""A real worker process on a real Redis: what it makes of tasks, good and bad, and what it leaves where."""

import asyncio
import json
import os
import signal
import uuid
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from schemas.task import TaskState
from schemas.technologies import technologies
from schemas.voiceprint import encode
from tasks.dispatch import QUEUE, entry
from tasks.files import LocalFileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.patience import eventually
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.workers import CONVERSION, EXTRACTION, Start, Working, document, ended, submit


async def media_is_gone(files: LocalFileStore, record: TaskRecord) -> None:
    """Returns once the upload is erased, which a worker does just after it has ended the task."""

    async def gone() -> bool:
        return not files.input(record.task_id).exists()

    await eventually(gone)


def result(files: LocalFileStore, record: TaskRecord) -> Any:
    with files.open_result(record.task_id, record.attempt, record.result_bytes, record.result_sha256) as stored:
        if record.state is TaskState.DONE:
            return json.loads(b"".join(technologies()[record.technology].render(stored)))
        return json.loads(stored.read())


async def test_a_task_is_done_and_its_media_is_gone(store: TaskStore, workforce: Workforce, working: Working) -> None:
    """The result is a file of the attempt that the record describes, and the upload is erased."""
    done = await ended(store, await submit(store, working.files, document(encode(voiceprint()))))
    assert (done.state, done.attempt, done.error) == (TaskState.DONE, 1, None)
    (shown,) = result(working.files, done)["vector_voiceprints"]
    assert np.array(shown, np.float32).tobytes() == voiceprint().vector.tobytes()
    await media_is_gone(working.files, done)
    assert (await workforce.depth()).input_bytes == 0


async def test_redis_holds_no_part_of_a_voiceprint(store: TaskStore, working: Working) -> None:
    """Beside a task that was done and one that runs, nothing in Redis has bytes of a vector or of its Base64."""
    vector = np.random.default_rng(2).standard_normal(256).astype(np.float32)
    body = document(encode(voiceprint(vector=vector)))
    await ended(store, await submit(store, working.files, body))
    working.process.send_signal(signal.SIGSTOP)
    try:
        running = await submit(store, working.files, body)
        await store.claim(running, "another")
        text = body[body.index(b"Wk9W") :]
        secrets = [part[n : n + 12] for part in (text, vector.tobytes()) for n in range(200, len(part) - 12, 4)]
        readers = {
            b"string": store.redis.get,
            b"zset": partial(store.redis.zrange, start=0, end=-1),
            b"hash": store.redis.hgetall,
            b"list": partial(store.redis.lrange, start=0, end=-1),
        }
        keys = await store.redis.keys()
        assert {b"voiceprint:open", b"voiceprint:running", f"voiceprint:task:{running.task_id}".encode()} <= set(keys)
        for key in keys:
            read = await readers[await store.redis.type(key)](key)
            content = key + (read if isinstance(read, bytes) else repr(read).encode())
            assert not any(secret in content for secret in secrets)
            assert len(content) < 2000
        await store.redis.flushall()
    finally:
        working.process.send_signal(signal.SIGCONT)


async def test_a_voiceprint_that_cannot_be_read_rejects_the_task(store: TaskStore, working: Working) -> None:
    """Every bad one among good ones is named by its index and its fault."""
    good, damaged = encode(voiceprint()), bytearray(encode(voiceprint()))
    damaged[100] ^= 1
    rejected = await ended(store, await submit(store, working.files, document(good, b"foreign", good, bytes(damaged))))
    assert rejected.state is TaskState.REJECTED
    assert rejected.error is not None
    assert rejected.error["type"] == "task.validation-error"
    assert [(fault["location"], fault["type"]) for fault in rejected.error["detail"]] == [
        (["body", "voiceprints", 1], "voiceprint.wrong-magic"),
        (["body", "voiceprints", 3], "voiceprint.damaged"),
    ]
    await media_is_gone(working.files, rejected)


async def test_a_long_error_is_a_file(store: TaskStore, working: Working) -> None:
    """A thousand bad voiceprints are a thousand details, none of them in Redis."""
    rejected = await ended(store, await submit(store, working.files, document(*[b"foreign"] * 1000)))
    assert (rejected.state, rejected.error) == (TaskState.REJECTED, None)
    assert len(result(working.files, rejected)["detail"]) == 1000
    assert len(rejected.pack()) < 1000


async def test_text_as_audio_rejects_the_task(store: TaskStore, working: Working) -> None:
    """What is no recording ends its task as rejected, and the next one works."""
    rejected = await ended(store, await submit(store, working.files, b"to whom it may concern " * 100, EXTRACTION))
    assert rejected.state is TaskState.REJECTED
    assert rejected.error is not None
    assert rejected.error["type"] == "task.validation-error"
    done = await ended(store, await submit(store, working.files, document(encode(voiceprint()))))
    assert done.state is TaskState.DONE


@pytest.mark.parametrize("damage", ["gone", "damaged"])
async def test_an_upload_that_is_not_what_was_stored_fails_the_task(
    store: TaskStore, working: Working, damage: str
) -> None:
    """The client is told that its upload is no longer there or was damaged, and never gets an answer to other bytes."""
    record = TaskRecord(str(uuid.uuid4()), CONVERSION, 1)
    if damage == "damaged":
        async with working.files.upload(record.task_id) as upload:
            await upload.write(document(encode(voiceprint())))
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    failed = await ended(store, record)
    assert failed.state is TaskState.FAILED
    assert failed.error is not None
    words = {"gone": "the upload is no longer there", "damaged": "the stored upload was damaged"}
    assert failed.error["message"] == f"{words[damage]}: send it again"


@pytest.mark.parametrize("fault", ["unknown parameters", "not a document"])
async def test_a_fault_of_ours_fails_the_task(store: TaskStore, working: Working, fault: str) -> None:
    """What should never happen ends the task as failed, without telling how it looks inside, and the worker lives."""
    record = TaskRecord(str(uuid.uuid4()), EXTRACTION if fault == "unknown parameters" else CONVERSION, 1)
    if fault == "unknown parameters":
        record = replace(record, parameters={"channel_mode": "no such mode"})
    async with working.files.upload(record.task_id) as upload:
        await upload.write(b"{}")
    record = replace(record, input_sha256=upload.sha256)
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    failed = await ended(store, record)
    assert failed.state is TaskState.FAILED
    assert failed.error == {
        "type": "internal",
        "message": "the task failed unexpectedly; it may succeed when repeated",
        "detail": [],
    }
    assert working.process.poll() is None


@pytest.mark.usefixtures("working")
async def test_a_damaged_record_ends_as_failed(store: TaskStore) -> None:
    """A worker that is given a task whose record was altered ends it, and does nothing of what it says."""
    record = TaskRecord(str(uuid.uuid4()), CONVERSION, 1)
    damaged = bytearray(record.pack())
    damaged[-1] ^= 1
    await store.redis.set(f"voiceprint:task:{record.task_id}", bytes(damaged))
    await store.redis.zadd("voiceprint:open", {record.task_id: 1})
    await store.redis.set(entry(record).job_key, entry(record).job)
    await store.redis.zadd(QUEUE, {record.task_id: 1})

    async def changed() -> bool:
        return bool(await store.redis.get(f"voiceprint:task:{record.task_id}") != bytes(damaged))

    await eventually(changed)
    failed = await ended(store, record)
    assert failed.error is not None
    assert (failed.state, failed.error["message"]) == (TaskState.FAILED, "the task record was damaged in the store")
    assert await store.redis.zcard(QUEUE) == 0


async def test_an_entry_without_its_job_is_rebuilt_and_done(store: TaskStore, working: Working) -> None:
    """A task of which arq has lost the job is put into the queue again by the workers themselves."""
    working.process.send_signal(signal.SIGSTOP)
    try:
        record = await submit(store, working.files, document(encode(voiceprint())))
        await store.redis.delete(entry(record).job_key)
    finally:
        working.process.send_signal(signal.SIGCONT)
    done = await ended(store, record)
    assert (done.state, done.crashes) == (TaskState.DONE, 0)


async def test_pickles_are_not_read(store: TaskStore, working: Working, tmp_path: Path) -> None:
    """A job that somebody put into the queue as a pickle runs no code, and the worker goes on."""
    # protocol 0: os.system("touch …")
    pickled = f"cposix\nsystem\n(S'touch {tmp_path}/owned'\ntR.".encode()
    await store.redis.set("arq:job:evil", pickled)
    await store.redis.zadd(QUEUE, {"evil": 1})
    done = await ended(store, await submit(store, working.files, document(encode(voiceprint()))))

    async def gone() -> bool:
        return not await store.redis.exists("arq:job:evil")

    await eventually(gone)
    assert done.state is TaskState.DONE
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # reads a folder that nobody writes
    assert working.process.poll() is None


def test_a_job_is_msgpack() -> None:
    """What is put into the queue is a msgpack map that tells arq the technology and nothing else."""
    job = msgpack.unpackb(entry(TaskRecord("id", "a-technology", created_ms=5)).job)
    assert job == {"t": None, "f": "a-technology", "a": [], "k": {}, "et": 5}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_worker_leaves_when_told_to(workforce: Workforce, start: Start, number: int) -> None:
    """After either signal it ends with exit code 0 and is no longer counted as alive."""
    worker = start()

    async def alive() -> bool:
        return worker.name in (await workforce.depth()).workers

    await eventually(alive)
    os.kill(worker.process.pid, number)
    assert await asyncio.to_thread(worker.process.wait, 30) == 0
    assert not await alive()
