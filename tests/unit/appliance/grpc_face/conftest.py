"""Real gRPC servers: one in this process over the tests' Redis, and that of the running appliance."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest

from appliance.grpc_face.server import Server, create_server, opened
from appliance.settings import Settings
from tasks.store import TaskStore
from tasks.workforce import HEARTBEAT_SECONDS, Capabilities, Workforce
from tests.conftest import Appliance

REPORT = b'[{"name": "ge2e", "device": "cpu", "space": "ge2e-2", "times_real_time": 1.0}]'
Serving = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def serving(store: TaskStore, redis_url: str, tmp_path: Path) -> Serving:
    """Runs a server with settings of the test's own, on a free port. `store` is the task store behind it, which has
    no worker."""
    assert store

    @asynccontextmanager
    async def run(**settings: object) -> AsyncIterator[Server]:
        given = {"redis_url": redis_url, "data_dir": tmp_path, "store_dir": tmp_path / "store"} | settings
        (tmp_path / "store").mkdir(exist_ok=True)
        async with opened(Settings.model_validate(given)) as calls:
            server = create_server(calls, "127.0.0.1:0")
            await server.start()
            try:
                yield server
            finally:
                await server.stop(0)

    return run


@pytest.fixture
async def alone(serving: Serving) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server without a worker behind it: tasks that are submitted wait."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


@pytest.fixture
async def channel(appliance: Appliance) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the running appliance."""
    async with grpc.aio.insecure_channel(appliance.grpc) as opened_channel:
        yield opened_channel


async def alive(store: TaskStore, name: str = "worker") -> None:
    """Makes a worker count as alive for as long as it may be silent."""
    for _ in range(2):
        # The first may come before somebody looks.
        await Workforce(store).heartbeat(name, Capabilities(("ge2e",)), REPORT)
        await asyncio.sleep(HEARTBEAT_SECONDS)
