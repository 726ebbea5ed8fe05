"""Attempts that nobody works on, and attempts that hang."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.task import TaskState
from schemas.voiceprint import encode
from tasks.files import LocalFileStore
from tasks.store import TaskStore
from tests.own_redis import OwnRedis
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.workers import RUN, Working, document, ended, submit

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


@pytest.mark.timeout(240)
async def test_an_attempt_that_hangs_ends_with_its_worker(
    own_redis: OwnRedis, models_dir: Path, tmp_path: Path
) -> None:
    """Even one that hangs in native code and lets no other thread run. The second such attempt is the last."""
    files = LocalFileStore(tmp_path / "store")
    code = f"from tasks.jobs import jobs{HANG}{RUN}"

    def work(number: int) -> "subprocess.Popen[bytes]":
        config = {
            "name": f"hanging-{number}",
            "redis_url": own_redis.url,
            "store_dir": str(tmp_path / "store"),
            "models_dir": str(models_dir),
            "models": ["ge2e"],
            "profile": None,
            "device": "cpu",
            "max_audio_length": 60.0,
            "retention": 1000.0,
            "drain_timeout": 1.0,
            "longest_attempt": 1.0,
        }
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
