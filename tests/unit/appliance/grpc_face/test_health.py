"""`grpc.health.v1` over a real Redis."""

import asyncio

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from appliance.grpc_face.services import services
from tasks.store import TaskStore
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.conftest import Serving, alive

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = ["", *services()]


async def checked(channel: grpc.aio.Channel, service: str) -> int:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


async def test_without_a_worker_it_does_not_serve(alone: grpc.aio.Channel) -> None:
    """Nobody would do a task, so neither the server nor any service is SERVING."""
    assert [await checked(alone, name) for name in NAMES] == [NOT_SERVING] * len(NAMES)


async def test_with_a_worker_everything_serves(channel: grpc.aio.Channel) -> None:
    """Of a running appliance the server and every service are SERVING."""
    assert [await checked(channel, name) for name in NAMES] == [SERVING] * len(NAMES)


async def test_an_unknown_service_is_not_found(alone: grpc.aio.Channel) -> None:
    """As the protocol says."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await checked(alone, "nothing.of.that.Name")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_everything_is_told_at_once(channel: grpc.aio.Channel) -> None:
    """List names every service with its health."""
    answer = await health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest())
    assert {name: one.status for name, one in answer.statuses.items()} == dict.fromkeys(NAMES, SERVING)


async def test_who_watches_is_told(serving: Serving, store: TaskStore) -> None:
    """A watcher learns when the first worker comes, when the last one is gone, and when the server ends."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == NOT_SERVING
        await alive(store)
        assert (await watch.read()).status == SERVING
        # Its heartbeat lapses.
        assert (await watch.read()).status == NOT_SERVING
        await alive(store)
        assert (await watch.read()).status == SERVING
        ending = asyncio.create_task(server.stop(2 * PATIENCE))
        assert (await watch.read()).status == NOT_SERVING
        # Who watches does not keep the server from ending.
        await asyncio.wait_for(ending, PATIENCE)


async def test_a_worker_without_the_model_is_none(serving: Serving, store: TaskStore) -> None:
    """What is served must be served by somebody: a worker with another model does not count."""
    async with serving(model="mfcc-stats") as server:
        await alive(store)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            await asyncio.sleep(1.5)
            assert await checked(channel, "") == NOT_SERVING


async def test_a_fault_does_not_leave_the_last_answer_standing(serving: Serving, store: TaskStore) -> None:
    """When what is found cannot be understood, it does not serve; when it can be again, it does."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == NOT_SERVING
        await alive(store)
        assert (await watch.read()).status == SERVING
        await store.redis.set("voiceprint:input-bytes", "no number")
        assert (await watch.read()).status == NOT_SERVING
        await store.redis.delete("voiceprint:input-bytes")
        await alive(store)
        assert (await watch.read()).status == SERVING
