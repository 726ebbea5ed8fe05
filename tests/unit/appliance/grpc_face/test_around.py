"""What every method of every service is run inside."""

import logging
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from appliance.grpc_face import around
from appliance.grpc_face.services import services
from tests.patience import eventually
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.streams import status

_ENDED = "ServerReflectionInfo CANCELLED"


async def asking() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    """For more answers than buffers hold, in few bytes."""
    for _ in range(500):
        yield reflection_pb2.ServerReflectionRequest(file_containing_symbol=next(iter(services())))


async def test_who_does_not_read_is_let_go(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A call whose replies nobody takes ends and holds no place; should its client read after all, it is told."""
    monkeypatch.setattr(around, "REPLY_SECONDS", 0.5)
    caplog.set_level(logging.DEBUG, "appliance")
    # Without the probe, what is on its way to a client that does not read stays at 64 KiB.
    options = [("grpc.http2.bdp_probe", 0)]
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(asking())
        await eventually(lambda: _ENDED in caplog.text)
        code, message = await status(call)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert message == "a response was not taken within 0.5 s"
        another = stub.ServerReflectionInfo(asking())
        assert len([answer async for answer in another]) == 500
