"""A poll that waits: answered when the task has ended, in time or when the server stops, and forgotten when its client
leaves."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import httpx
import pytest
from aiohttp import web

from appliance.app import create_app
from appliance.context import ENDINGS
from appliance.port.connection import Connection
from appliance.port.crowd import Crowd
from appliance.settings import Settings
from schemas.task import TaskState
from tasks.store import TaskStore
from tests.conftest import API, EXTRACTION, RECORDINGS, Appliance
from tests.hardening.wire import assert_refused
from tests.patience import PATIENCE, eventually
from tests.unit.tasks.made_tasks import RETENTION, claimed, submitted

# The longest that a poll may wait.
LONG = 60
PATH = f"{API}/a-technology"


@asynccontextmanager
async def served(redis_url: str, folder: Path) -> AsyncIterator[tuple[web.Application, int]]:
    """The application in this process, on a free port, as `serve` runs it."""
    app = create_app(Settings(redis_url=redis_url, data_dir=folder))  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    server = cast("web.Server", runner.server)
    connection = partial(Connection, server, Crowd(2000, lambda _: b""))
    listening = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield app, listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await runner.cleanup()


@pytest.fixture
async def app(store: TaskStore, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[web.Application, int]]:
    await store.ping()
    async with served(redis_url, tmp_path) as serving:
        yield serving


async def waiting(app: web.Application, count: int) -> None:
    """Returns once so many polls wait."""
    endings = app[ENDINGS]
    await eventually(lambda: sum(map(len, endings._waiting.values())) == count, lambda: endings._waiting)


def test_one_poll_is_enough(client: httpx.Client) -> None:
    """Who waits for a task that was just submitted gets its result."""
    location = client.post(EXTRACTION, files={"file": (RECORDINGS / "demo.flac").read_bytes()}).headers["Location"]
    answer = client.get(location, params={"wait": LONG}, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.json()["task"]["state"] == "done"
    assert answer.json()["result"]["channels"]
    assert client.get(location, params={"wait": LONG}).json() == answer.json()


async def test_the_end_is_the_answer(store: TaskStore, app: tuple[web.Application, int]) -> None:
    """A poll that waits while its task is taken and ends is answered with the end."""
    record = await submitted(store)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app[1]}", timeout=PATIENCE) as client:
        asked = asyncio.create_task(client.get(f"{PATH}/{record.task_id}?wait={LONG}"))
        await waiting(app[0], 1)
        running = await claimed(store, record)
        ended = running.refused(TaskState.REJECTED, {"type": "x", "message": "y", "detail": []})
        assert await store.finish(running, ended, retention=RETENTION)
        answer = await asked
    assert (answer.status_code, answer.json()) == (200, ended.view().body())


async def test_in_time_is_as_it_is(store: TaskStore, app: tuple[web.Application, int]) -> None:
    """After the seconds that were asked for the answer is the task as it is then."""
    record = await submitted(store)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app[1]}", timeout=PATIENCE) as client:
        for seconds in ("0", "0.2", "0e5", ".1"):
            answer = await client.get(f"{PATH}/{record.task_id}", params={"wait": seconds})
            assert answer.json()["task"]["state"] == "pending"
        head = await client.head(f"{PATH}/{record.task_id}?wait=0.2")
        assert (head.status_code, head.content) == (200, b"")


async def test_an_erased_task_is_not_found(store: TaskStore, app: tuple[web.Application, int]) -> None:
    """Who waits for it learns at once that it is gone."""
    record = await submitted(store)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app[1]}", timeout=PATIENCE) as client:
        asked = asyncio.create_task(client.get(f"{PATH}/{record.task_id}?wait={LONG}"))
        await waiting(app[0], 1)
        assert (await client.delete(f"{PATH}/{record.task_id}")).status_code == 204
        assert_refused(await asked, 404, "resource.not-found")


async def test_another_technology_is_not_waited_for(store: TaskStore, app: tuple[web.Application, int]) -> None:
    """Nor is what is not there: both are not found at once."""
    record = await submitted(store)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app[1]}", timeout=PATIENCE) as client:
        for path in (f"{EXTRACTION}/{record.task_id}", f"{PATH}/{'0' * 32}"):
            assert_refused(await client.get(f"{path}?wait={LONG}"), 404, "resource.not-found")


@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_leaves_is_forgotten(
    store: TaskStore, app: tuple[web.Application, int], reset: bool
) -> None:
    """However its connection ends, nothing waits on for it."""
    record = await submitted(store)
    _, writer = await asyncio.open_connection("127.0.0.1", app[1])
    writer.write(f"GET {PATH}/{record.task_id}?wait={LONG} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await waiting(app[0], 1)
    if reset:
        writer.transport.abort()
    else:
        writer.close()
    await waiting(app[0], 0)


async def test_a_thousand_wait_on_one_connection(store: TaskStore, app: tuple[web.Application, int]) -> None:
    """A thousand polls that wait hold one subscription, and all are answered."""
    running = await claimed(store)
    request = f"GET {PATH}/{running.task_id}?wait={LONG} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    async def poll() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", app[1])
        writer.write(request.encode())
        answer = await reader.read()
        writer.close()
        return answer

    asked = [asyncio.create_task(poll()) for _ in range(1000)]
    await waiting(app[0], 1000)
    assert len(await store.redis.client_list(_type="pubsub")) == 1
    ended = running.refused(TaskState.FAILED, {"type": "x", "message": "y", "detail": []})
    assert await store.finish(running, ended, retention=RETENTION)
    for answer in await asyncio.gather(*asked):
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"failed"' in answer


@pytest.mark.parametrize(
    ("wait", "fault"),
    [
        ("61", "less_than_equal"),
        ("60.001", "less_than_equal"),
        ("-1", "greater_than_equal"),
        ("soon", "float_parsing"),
        ("", "float_parsing"),
        (" 1", "float_parsing"),
        ("1_0", "float_parsing"),
        ("true", "float_parsing"),
        ("0x10", "float_parsing"),
        ("nan", "finite_number"),
        ("inf", "finite_number"),
        ("1e999", "less_than_equal"),
    ],
)
def test_what_is_no_time_to_wait_is_refused(client: httpx.Client, wait: str, fault: str) -> None:
    """Another number, or none, is 422 before anything is looked up."""
    answer = client.get(f"{EXTRACTION}/{'0' * 32}", params={"wait": wait})
    assert_refused(answer, 422, "request.validation-error", (("query", "wait"), fault))


def test_a_repeated_time_is_refused(client: httpx.Client) -> None:
    """Which of the two was meant is not guessed."""
    answer = client.get(f"{EXTRACTION}/{'0' * 32}?wait=1&wait=1")
    assert_refused(answer, 422, "request.validation-error", (("query", "wait"), "repeated"))


class Asking(threading.Thread):
    """A poll that waits, in a thread of its own."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.answer: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        self.answer = httpx.get(self._url, params={"wait": LONG}, timeout=PATIENCE)

    def answered(self) -> httpx.Response:
        self.join(PATIENCE)
        assert self.answer is not None
        return self.answer


def test_those_who_wait_do_not_hold_up_the_end(start_appliance: Callable[..., Appliance]) -> None:
    """At Ctrl-C who waits is answered with the present state, and the appliance ends as quickly as ever."""
    appliance = start_appliance()
    with appliance.client() as client:
        recording = (RECORDINGS / "call.flac").read_bytes()
        locations = [client.post(EXTRACTION, files={"file": recording}).headers["Location"] for _ in range(30)]
        asking = Asking(locations[-1])
        # It waits for what the worker comes to only after the others.
        time.sleep(0.5)
        appliance.process.send_signal(signal.SIGINT)
        answer = asking.answered()
        assert answer.status_code == 200, answer.text
        assert answer.json()["task"]["state"] == "pending"
        assert appliance.process.wait(PATIENCE) == 0
    log = (appliance.data_dir / "up.log").read_text()
    assert "Traceback" not in log
