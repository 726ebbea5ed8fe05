"""Who may call, with real calls."""

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from phonexia.grpc.common import status_pb2, status_pb2_grpc

from tests.unit.appliance.grpc_face.conftest import Serving

KEYS = {"api_keys": ["first-key-of-two", "second-key-of-two"]}


@pytest.mark.parametrize(
    "metadata",
    [
        (("authorization", "Bearer first-key-of-two"),),
        (("authorization", "bearer second-key-of-two"),),
        (("x-api-key", "second-key-of-two"), ("other-bin", b"\x00\xff")),
    ],
)
async def test_a_key_opens(serving: Serving, metadata: tuple[tuple[str, str], ...]) -> None:
    """Each key opens, as a bearer token or as `x-api-key`."""
    async with serving(**KEYS) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        answer = await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest(), metadata=metadata)
        assert answer.name == "voiceprint-appliance"


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer third"),), (("x-api-key", ""),), (("x-api-key-bin", b"first-key-of-two"),)],
)
async def test_without_a_key_it_is_closed(serving: Serving, metadata: tuple[tuple[str, str | bytes], ...]) -> None:
    """No key and a wrong one are UNAUTHENTICATED, with how to send one, and without the one that was sent."""
    async with serving(**KEYS) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest(), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "authorization: Bearer <key>" in (caught.value.details() or "")
    assert "third" not in (caught.value.details() or "")
    assert dict(caught.value.trailing_metadata())["error-type"] == "request.unauthorized"


async def test_streams_are_closed_as_well(serving: Serving) -> None:
    """A streaming call is refused before it has sent anything."""
    async with serving(**KEYS) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        opened = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([question]), metadata=(("x-api-key", "first-key-of-two"),)
        )
        assert (await opened.read()).list_services_response.service


async def test_health_is_open(serving: Serving) -> None:
    """Whoever balances load may ask for health, and watch it, without a key."""
    async with serving(**KEYS) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status
        assert (await stub.Watch(health_pb2.HealthCheckRequest()).read()).status
