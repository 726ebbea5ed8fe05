"""Tasks that one real worker has under way side by side."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.task import TaskState
from schemas.voiceprint import encode
from tasks.erasing import erase
from tasks.files import LocalFileStore
from tasks.store import TaskStore
from tests.own_redis import OwnRedis
from tests.patience import PATIENCE, eventually
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.workers import EXTRACTION, RUN, Working, document, ended, given, submit

GOOD = document(encode(voiceprint()))
# One job kills its process, the first time once another stands beside it; that one is in no hurry.
KILLING = """
import os, pathlib, signal, sys, time
import tasks.attempt
from tasks.jobs import jobs

beside, known = pathlib.Path(json.loads(sys.argv[1])["store_dir"], "beside"), jobs()

def job(work):
    if work.input.read() == b"kill":
        while not beside.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    if not beside.exists():
        beside.touch()
        time.sleep(1000)
    return b"a result"

tasks.attempt.jobs = lambda: dict.fromkeys(known, job)
"""


def killing_worker(config: dict[str, object]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", f"import json{KILLING}{RUN}", json.dumps(config)])


async def test_a_short_task_does_not_wait_for_a_long_one(store: TaskStore, working: Working, tmp_path: Path) -> None:
    """While the only worker listens to an hour, what takes no time is done; and many such."""
    noise = np.random.default_rng(1).normal(0, 0.05, 8000 * 3600).astype(np.float32)
    soundfile.write(tmp_path / "hour.wav", noise, 8000, subtype="ULAW")
    long = await submit(store, working.files, (tmp_path / "hour.wav").read_bytes(), EXTRACTION)

    async def running() -> bool:
        now = await store.fetch(long.task_id)
        return now is not None and now.state is TaskState.RUNNING

    await eventually(running)
    for _ in range(3):
        done = await ended(store, await submit(store, working.files, GOOD))
        assert (done.state, done.attempt) == (TaskState.DONE, 1)
    assert await running()
    assert await erase(store, working.files, long.task_id)


async def test_many_tasks_are_each_done_once(store: TaskStore, working: Working) -> None:
    """Of three hundred at once, some of them damaged, every one has its own end, after one attempt."""
    bodies = [GOOD if number % 7 else document(b"foreign") for number in range(300)]
    records = await asyncio.gather(*(submit(store, working.files, body) for body in bodies))
    for body, record in zip(bodies, records, strict=True):
        over = await ended(store, record)
        assert over.state is (TaskState.DONE if body is GOOD else TaskState.REJECTED)
        assert (over.attempt, over.crashes) == (1, 0)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_who_stands_beside_a_task_that_kills_is_done(
    own_redis: OwnRedis, models_dir: Path, tmp_path: Path
) -> None:
    """Its worker's death counts for both; from then on each is tried alone, and only the one that kills again fails."""
    files, workers = LocalFileStore(tmp_path / "store"), []
    config = given("", own_redis.url, tmp_path / "store", models_dir, drain_timeout=1.0)
    async with TaskStore.open(own_redis.url) as store:
        killing = await submit(store, files, b"kill")
        bystander = await submit(store, files, GOOD)

        async def over() -> bool:
            if not workers or workers[-1].poll() is not None:
                workers.append(killing_worker(config | {"name": f"killed-{len(workers)}"}))
            return not await store.still_open([killing.task_id, bystander.task_id])

        try:
            await eventually(over)
        finally:
            workers[-1].kill()
            workers[-1].wait(PATIENCE)
        failed, done = await store.fetch(killing.task_id), await store.fetch(bystander.task_id)
    assert failed is not None
    assert done is not None
    assert (failed.state, failed.attempt) == (TaskState.FAILED, 2)
    assert (done.state, done.attempt, done.crashes) == (TaskState.DONE, 2, 1)
    assert len(workers) == 3
