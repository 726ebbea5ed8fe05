"""A key that is revoked while a request of its holder is under way opens nothing any more when that is over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from schemas.task import TaskState
from tasks.keys import RECORD
from tasks.store import TaskStore
from tests.conftest import CONVERSION
from tests.hardening.conftest import GOOD, stored
from tests.hardening.wire import assert_refused
from tests.integration.test_waiting import LONG, PATH, served, waiting
from tests.made_keys import made_keys, revoke
from tests.patience import PATIENCE, eventually
from tests.unit.tasks.made_tasks import RETENTION, claimed, submitted


@pytest.fixture
async def app(store: TaskStore, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[web.Application, int]]:
    await store.ping()
    async with served(redis_url, tmp_path) as serving:
        yield serving


async def test_a_poll_that_waits_gets_no_result(
    store: TaskStore, app: tuple[web.Application, int], tmp_path: Path
) -> None:
    """Its task ends, and whoever waited for that is a stranger by now."""
    (key,) = made_keys(tmp_path, "desk")
    record = await submitted(store, owner=key[3:11].encode())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app[1]}", timeout=PATIENCE) as client:
        asking = client.get(f"{PATH}/{record.task_id}?wait={LONG}", headers={"X-API-Key": key})
        asked = asyncio.create_task(asking)
        await waiting(app[0], 1)
        revoke(tmp_path, key, datetime.now(UTC))
        running = await claimed(store, record)
        ended = running.refused(TaskState.REJECTED, {"type": "x", "message": "y", "detail": []})
        assert await store.finish(running, ended, retention=RETENTION)
        assert_refused(await asked, 401, "request.unauthorized")


async def test_an_upload_makes_no_task(store: TaskStore, app: tuple[web.Application, int], tmp_path: Path) -> None:
    """What was under way is refused at its end, and nothing of it stays."""
    (key,) = made_keys(tmp_path, "desk")
    body = f'{{"voiceprints": ["{GOOD}"]}}'.encode()

    async def sent() -> AsyncIterator[bytes]:
        # Blanks enough for a file: what is shorter has none before its end.
        yield b" " * (1 << 21) + body[:10]
        await eventually(lambda: stored(tmp_path))
        revoke(tmp_path, key, datetime.now(UTC))
        yield body[10:]

    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app[1]}", timeout=PATIENCE) as client:
        answer = await client.post(CONVERSION, content=sent(), headers=headers)
    assert_refused(answer, 401, "request.unauthorized")
    assert stored(tmp_path) == []
    assert await store.redis.keys(f"{RECORD}*") == []
