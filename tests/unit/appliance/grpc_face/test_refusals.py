"""What methods of all four kinds raise, as their callers see it: real calls to a server of methods that refuse."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from appliance.grpc_face.around import Around
from appliance.grpc_face.journal import Journal
from appliance.grpc_face.refusals import message, refuse
from schemas.errors import (
    Detail,
    Internal,
    NotFound,
    Overloaded,
    Refusal,
    TaskRefusal,
    ValidationError,
    VoiceprintDamaged,
)
from tasks.metrics.tally import Tally
from tests.patience import PATIENCE

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
Calling = Callable[[BaseException], Awaitable[list[grpc.aio.AioRpcError]]]


def methods(raised: BaseException) -> "grpc.GenericRpcHandler[Any, Any]":
    """One method of each kind, which takes and gives bytes, and one that answers by writing."""

    async def awaited(_: Any, __: Any) -> bytes:
        raise raised

    async def yielding(_: Any, __: Any) -> AsyncIterator[bytes]:
        yield b"one"
        raise raised

    async def reading(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
        raise raised

    async def writing(_: Any, context: Any) -> None:
        await context.write(b"one")
        raise raised

    behaviours: dict[str, Any] = {
        "unary_unary": awaited,
        "unary_stream": yielding,
        "stream_unary": awaited,
        "stream_stream": reading,
    }
    handlers = {kind: getattr(grpc, f"{kind}_rpc_method_handler")(method) for kind, method in behaviours.items()}
    handlers["writing"] = grpc.unary_stream_rpc_method_handler(writing)  # type: ignore[arg-type]  # both styles exist
    return grpc.method_handlers_generic_handler("test.Test", handlers)


async def everything(call: AsyncIterator[bytes]) -> list[bytes]:
    return [response async for response in call]


@pytest.fixture
def calling() -> Calling:
    """Calls each method, all of which raise what is given, and returns how each call ended."""

    async def call(raised: BaseException) -> list[grpc.aio.AioRpcError]:
        server = grpc.aio.server(interceptors=[Around(Journal(Tally()).kept, refuse)])
        server.add_generic_rpc_handlers((methods(raised),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        ends = []
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for name in (*KINDS, "writing"):
                kind = name if name in KINDS else "unary_stream"
                method = getattr(channel, kind)(f"/test.Test/{name}", None, None)
                call = method(b"" if kind.startswith("unary") else iter([b"", b""]))
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await (call if kind.endswith("unary") else everything(call))
                ends.append(caught.value)
        await server.stop(None)
        return ends

    return call


@pytest.mark.parametrize(
    "kind", sorted(set(Refusal.__subclasses__()) - {TaskRefusal}, key=str), ids=lambda kind: kind.__name__
)
async def test_each_refusal_has_its_status(calling: Calling, kind: type[Refusal]) -> None:
    """A refusal ends the call with the status of its type, its own words and its type, whatever the method's kind."""
    for end in await calling(kind("this and that is wrong")):
        assert end.code() is grpc.StatusCode[kind.grpc_status]
        assert end.details() == "this and that is wrong"
        assert dict(end.trailing_metadata())["error-type"] == kind.type


async def test_when_to_come_back_is_told(calling: Calling) -> None:
    """Who is refused for now is told after how many seconds to try again."""
    for end in await calling(Overloaded("too much", headers={"Retry-After": "10"})):
        assert dict(end.trailing_metadata())["retry-after"] == "10"
    for end in await calling(NotFound("not there")):
        assert "retry-after" not in dict(end.trailing_metadata())


async def test_faults_are_told_to_the_log_only(calling: Calling, caplog: pytest.LogCaptureFixture) -> None:
    """An exception that is no refusal is INTERNAL, without its text; the log has its stack trace."""
    for end in await calling(LookupError("secret of the house")):
        assert end.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in (end.details() or "")
        assert "LookupError" not in (end.details() or "")
    assert caplog.text.count("LookupError: secret of the house") == len(KINDS) + 1
    assert "Unexpected" not in caplog.text


async def test_our_own_refusals_of_ourselves_are_logged(calling: Calling, caplog: pytest.LogCaptureFixture) -> None:
    """Internal refusals are for us to look at."""
    await calling(Internal("the record is damaged"))
    assert caplog.text.count("the record is damaged") == len(KINDS) + 1


async def test_a_cancelled_call_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A method whose caller hangs up sees a cancellation, and the log one line that says so."""
    caplog.set_level(logging.INFO, "appliance")
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def waits(_: Any, __: Any) -> AsyncIterator[bytes]:
        yield b"one"
        try:
            await asyncio.Event().wait()
        finally:
            seen.put_nowait("ended")

    server = grpc.aio.server(interceptors=[Around(Journal(Tally()).kept, refuse)])
    handler = grpc.method_handlers_generic_handler("test.Test", {"Wait": grpc.unary_stream_rpc_method_handler(waits)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_stream("/test.Test/Wait", None, None)(b"")
        assert await call.read() == b"one"
        call.cancel()
        assert await asyncio.wait_for(seen.get(), PATIENCE) == "ended"
    await server.stop(None)
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("appliance")]
    assert line.startswith("/test.Test/Wait CANCELLED in ")


def test_a_message_names_each_place_once() -> None:
    """Details stand behind the message where they say more, with where they are found, the first few of them."""
    place = Detail(("body", "voiceprints", 3), "must be Base64", "voiceprint")
    assert message(ValidationError("the request is not valid", [place])) == (
        "the request is not valid; voiceprints.3: must be Base64"
    )
    assert message(ValidationError("callback_url: not here", [Detail(("callback_url",), "not here", "callback")])) == (
        "callback_url: not here"
    )
    many = [VoiceprintDamaged("its check does not match").at("voiceprints", n) for n in range(50)]
    told = message(ValidationError("50 voiceprints cannot be read", many))
    assert told.count("its check does not match") == 3
    assert told.endswith("and 47 more")


def test_a_message_fits_into_a_header() -> None:
    """However much there is to say, clients take no more than 8 KiB of it."""
    details = [Detail((n,), "x" * 10_000, "x") for n in range(3)]
    assert len(message(ValidationError("long", details))) <= 1000
