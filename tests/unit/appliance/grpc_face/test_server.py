"""The server's limits and its end, with real connections."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from phonexia.grpc.common import status_pb2, status_pb2_grpc

from appliance.grpc_face.crowd import MOST_CALLS_OF_ONE
from appliance.grpc_face.server import MOST_MESSAGE_BYTES, create_server, opened
from appliance.grpc_face.services import services
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from tests.made_keys import made_keys
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.conftest import Serving

STATUS = "/phonexia.grpc.common.Status/GetStatus"
CONVERT = "/phonexia.grpc.technologies.speaker_identification.v1.VoiceprintConversion/Convert"
MERGE = "/phonexia.grpc.technologies.speaker_identification.v1.VoiceprintMerging/Merge"


async def refused(
    channel: grpc.aio.Channel, request: bytes, method: str = STATUS, **options: object
) -> tuple[str, str]:
    """Status and message with which a call of raw bytes ends."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(method, None, None)(request, **options)  # type: ignore[arg-type]
    return caught.value.code().name, caught.value.details() or ""


async def test_reflection_lists_every_service(alone: grpc.aio.Channel) -> None:
    """A tool that knows no stubs finds each service, and the methods of each."""
    stub = reflection_pb2_grpc.ServerReflectionStub(alone)
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    asked += [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in services()]
    first, *files = [answer async for answer in stub.ServerReflectionInfo(iter(asked))]
    listed = {service.name for service in first.list_services_response.service}
    assert listed == {*services(), "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert all(answer.file_descriptor_response.file_descriptor_proto for answer in files)


async def test_a_message_over_the_limit(alone: grpc.aio.Channel) -> None:
    """A message that is too large is RESOURCE_EXHAUSTED, with its size and the limit."""
    status, message = await refused(alone, bytes(MOST_MESSAGE_BYTES + 1), MERGE)
    assert status == "RESOURCE_EXHAUSTED"
    assert str(MOST_MESSAGE_BYTES) in message


async def test_a_large_message_is_taken(alone: grpc.aio.Channel) -> None:
    """A message of a thousand voiceprints of 16 KiB, four times what clients take by default, comes through."""
    # Field 100 of an empty message: unknown, and read over.
    payload = bytes(16 << 20)
    request = b"\xa2\x06" + bytes([0x80, 0x80, 0x80, 0x08]) + payload
    assert "at least 2" in (await refused(alone, request, MERGE))[1]


async def test_what_is_no_message_is_refused(alone: grpc.aio.Channel) -> None:
    """Bytes that are not protobuf are the caller's fault, and tell nothing of our insides."""
    status, message = await refused(alone, b"\xff\xff\xff")
    assert status == "INVALID_ARGUMENT"
    assert message == "the message is not the protobuf message that this method takes"


async def test_a_method_that_is_not_there(alone: grpc.aio.Channel) -> None:
    """A method or a service that is unknown is UNIMPLEMENTED."""
    for method in ("/phonexia.grpc.common.Status/Nothing", "/nothing.at.All/Here"):
        assert (await refused(alone, b"", method))[0] == "UNIMPLEMENTED"


async def test_compressed_messages_are_not_unpacked(alone: grpc.aio.Channel) -> None:
    """A small message that would become a large one is refused before it does."""
    status, message = await refused(alone, bytes(1 << 20), compression=grpc.Compression.Gzip)
    assert status == "UNIMPLEMENTED"
    assert "gzip" in message


async def test_metadata_is_bounded(alone: grpc.aio.Channel) -> None:
    """A call with 100 kB of metadata does not reach a method."""
    status, _ = await refused(alone, b"", metadata=(("x", "y" * 100_000),))
    assert status == "RESOURCE_EXHAUSTED"


async def test_idle_connections_cost_nobody_else(serving: Serving) -> None:
    """200 connections that are open and silent do not keep another one from being answered, nor the server from
    ending."""
    async with serving() as server:
        silent = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            answer = await status_pb2_grpc.StatusStub(channel).GetStatus(
                status_pb2.GetStatusRequest(), timeout=PATIENCE
            )
            assert answer.name
        await asyncio.wait_for(server.stop(2 * PATIENCE), PATIENCE)
    for _, writer in silent:
        writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(512),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4096,
        bytes(range(256)) * 64,
    ],
)
async def test_what_does_not_speak_grpc_is_sent_away(serving: Serving, said: bytes) -> None:
    """HTTP/1, TLS where there is none, broken frames and noise end their own connection and nobody else's."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(said)
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        assert (await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest())).name


async def test_who_watches_takes_nobody_s_place(serving: Serving) -> None:
    """One caller can watch health so often and no more, and probes and calls that work are answered all the same."""
    async with serving() as server, AsyncExitStack() as stack:
        address = f"127.0.0.1:{server.port}"
        # One connection carries 100 streams.
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, [("connection", number)]))
            for number in range(-(-MOST_CALLS_OF_ONE // 100))
        ]
        watches = [
            health_pb2_grpc.HealthStub(channels[number // 100]).Watch(health_pb2.HealthCheckRequest())
            for number in range(MOST_CALLS_OF_ONE)
        ]
        for watch in watches:
            assert (await watch.read()).status
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()).read()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert (await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status
            assert (await status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest())).name


async def test_one_caller_leaves_room_for_others(serving: Serving, tmp_path: Path) -> None:
    """Who holds a key can have so many calls open, which is said; the holder of another key works on."""
    keys = made_keys(tmp_path, "first", "second")

    async def silent() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with serving() as server, AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", [("connection", number)])
            )
            for number in range(3)
        ]
        first, second = ((("x-api-key", key),) for key in keys)
        # A few more, because a question below may take the place of one.
        held = [
            channels[number % 2].stream_unary(CONVERT)(silent(), metadata=first)
            for number in range(MOST_CALLS_OF_ONE + 8)
        ]
        # Until the last of them has come.
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                [await channels[2].unary_unary(STATUS)(b"", metadata=first) for _ in iter(int, 1)]
        assert (caught.value.code().name, caught.value.details()) == (
            "UNAVAILABLE",
            f"{MOST_CALLS_OF_ONE} calls of this caller are under way already",
        )
        assert await channels[2].unary_unary(STATUS)(b"", metadata=second)
        for call in held:
            call.cancel()


async def test_an_open_stream_does_not_keep_it_from_ending(serving: Serving) -> None:
    """A stream that its client leaves open is ended with the server, and UNAVAILABLE tells the client to try again."""
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        assert await call.read()
        await asyncio.wait_for(server.stop(2 * PATIENCE), PATIENCE)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_the_log_has_a_line_for_a_call(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Method, status and duration are written down, and nothing of what the caller sent along."""
    caplog.set_level(logging.DEBUG, "appliance")
    (right,) = made_keys(tmp_path, "caller")
    async with serving() as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        for key in (right, right[:-1] + "*"):
            metadata = (("x-api-key", key), ("x-secret", "of the house"))
            call = status_pb2_grpc.StatusStub(channel).GetStatus(status_pb2.GetStatusRequest(), metadata=metadata)
            await call.code()
    lines = [record.getMessage() for record in caplog.records if STATUS in record.getMessage()]
    assert [line.rpartition(" in ")[0] for line in lines] == [f"{STATUS} OK", f"{STATUS} UNAUTHENTICATED"]
    assert right[12:-1] not in caplog.text
    assert "house" not in caplog.text


async def test_an_address_that_cannot_be_had(redis_url: str, tmp_path: object) -> None:
    """An address that is not this machine's is a ConfigurationError that names it."""
    async with opened(Settings.model_validate({"redis_url": redis_url, "data_dir": tmp_path})) as calls:
        with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:8080"):
            create_server(calls, "192.0.2.1:8080")


async def test_it_needs_a_redis() -> None:
    """Without the address of a Redis that others share nothing is opened."""
    with pytest.raises(ConfigurationError, match="VOICEPRINT_REDIS_URL"):
        async with opened(Settings()):
            pass
