"""Calls that carry one message, with real connections: what grpc would read before anything of ours runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from phonexia.grpc.common import status_pb2, status_pb2_grpc

from appliance.grpc_face import one_message
from appliance.grpc_face.readers import Patience
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.streams import each, status

CHECK = "/grpc.health.v1.Health/Check"
STATUS = "/phonexia.grpc.common.Status/GetStatus"
MERGE = "/phonexia.grpc.technologies.speaker_identification.v1.VoiceprintMerging/Merge"


async def nothing() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("method", [CHECK, MERGE])
async def test_calls_without_their_message_shut_nobody_out(serving: Serving, method: str) -> None:
    """1,100 calls that send headers and nothing else, more than are looked at in all, leave health and work as they
    are."""
    async with serving() as server, AsyncExitStack() as stack:
        address = f"127.0.0.1:{server.port}"
        silent = []
        for number in range(11):
            connection = grpc.aio.insecure_channel(address, [("connection", number)])
            channel = await stack.enter_async_context(connection)
            silent += [channel.stream_unary(method)(nothing()) for _ in range(100)]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        answers = []
        for _ in range(20):
            answers.append(
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
            )
            answers.append(await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest()))
        assert all(answers)
        for call in silent:
            call.cancel()


async def test_a_message_that_does_not_come(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waited for until its time is over, which DEADLINE_EXCEEDED tells."""
    monkeypatch.setattr(one_message, "_QUESTION", Patience(seconds=0.1, at_a_time=1, grace=0.1))
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        code, message = await status(channel.stream_unary(STATUS)(nothing()))
    assert (code, message) == (grpc.StatusCode.DEADLINE_EXCEEDED, "the call stood still: its message did not come")


@pytest.mark.parametrize(("messages", "told"), [([], "no message"), ([b"", b""], "more messages")])
async def test_there_is_one_message(alone: grpc.aio.Channel, messages: list[bytes], told: str) -> None:
    """None and two are the caller's fault."""
    code, message = await status(alone.stream_unary(STATUS)(each(messages)))
    assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, f"the call has {told}: it takes one")


@pytest.mark.parametrize("method", [CHECK, STATUS])
async def test_a_question_is_short(alone: grpc.aio.Channel, method: str) -> None:
    """Who asks for more than 4 KiB asks nothing that is known here."""
    code, message = await status(alone.unary_unary(method)(bytes(5000)))
    assert (code, message) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "a message of 5000 bytes is larger than the limit of 4096 bytes here",
    )
