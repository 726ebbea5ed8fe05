"""A Redis that is there and says nothing: nobody waits for it without end."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.hardening.conftest import GOOD
from tests.own_redis import OwnRedis
from tests.patience import PATIENCE


def children(parent: int) -> list[int]:
    """What a process has started that still runs."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.fixture
def frozen(start_appliance: Callable[..., Appliance]) -> Iterator[tuple[httpx.Client, Callable[[], None]]]:
    """A client of an appliance whose Redis stands still, and what wakes it again."""
    appliance = start_appliance()
    (pid,) = (pid for pid in children(appliance.process.pid) if b"redis" in Path(f"/proc/{pid}/comm").read_bytes())
    with appliance.client() as client:
        assert client.get("/ready").is_success
        os.kill(pid, signal.SIGSTOP)
        try:
            yield client, lambda: os.kill(pid, signal.SIGCONT)
        finally:
            os.kill(pid, signal.SIGCONT)


def test_questions_for_health_are_answered(frozen: tuple[httpx.Client, Callable[[], None]]) -> None:
    """`/ready` names Redis before those who ask have given up, and `/health` does not mind."""
    client, _ = frozen
    answer = client.get("/ready", timeout=PATIENCE)
    assert answer.status_code == 503
    assert not answer.json()["checks"]["redis"]["ok"]
    assert client.get("/health", timeout=PATIENCE).is_success


def test_requests_are_refused_and_work_again(frozen: tuple[httpx.Client, Callable[[], None]]) -> None:
    """A submission is a 503 with `Retry-After`; once Redis goes on, so does everything."""
    client, wake = frozen
    answer = client.post(CONVERSION, json={"voiceprints": ["AAAA"]}, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["type"]) == (503, "service.overloaded")
    assert answer.headers["Retry-After"]
    wake()
    answer = client.post(EXTRACTION, files={"file": (RECORDINGS / "demo.flac").read_bytes()}, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text
    assert ended(client, answer.headers["Location"])["task"]["state"] == "done"  # type: ignore[index]


async def test_who_waits_is_told(serve: Callable[..., Appliance], own_redis: OwnRedis) -> None:
    """A poll that waits while Redis comes to stand still is a 503 long before the time that it would have waited."""
    appliance = serve(redis_url=own_redis.url)
    async with httpx.AsyncClient(base_url=appliance.url, timeout=50) as client:
        location = (await client.post(CONVERSION, json={"voiceprints": [GOOD]})).headers["Location"]
        asked = asyncio.create_task(client.get(location, params={"wait": 60}))
        await asyncio.sleep(0.5)
        own_redis.freeze()
        answer = await asked
    assert (answer.status_code, answer.json()["type"]) == (503, "service.overloaded")
    assert answer.headers["Retry-After"]
