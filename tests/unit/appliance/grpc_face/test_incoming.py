"""The messages of a call, and how long is waited for them."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.age_estimation.v1 import age_estimation_pb2 as pb
from phonexia.grpc.technologies.age_estimation.v1 import age_estimation_pb2_grpc as pb_grpc
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as extraction
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as extraction_grpc

from appliance.grpc_face import incoming
from appliance.grpc_face.incoming import Incoming
from schemas.errors import RequestTimeout
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.streams import PCM16, each, status


async def silent() -> AsyncIterator[int]:
    yield 1
    await asyncio.Event().wait()


async def dripping() -> AsyncIterator[int]:
    while True:
        await asyncio.sleep(0.001)
        yield 1


async def test_messages_come_in_order_and_end() -> None:
    """Looked at beforehand or not."""
    arriving = Incoming(each([1, 2]))
    assert [await arriving.first(), await arriving.first()] == [1, 1]
    assert [await arriving.next(), await arriving.next(), await arriving.next()] == [1, 2, None]


async def test_a_client_that_stands_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit, which is in the message."""
    monkeypatch.setattr(incoming, "STALL_SECONDS", 0.05)
    arriving = Incoming(silent())
    assert await arriving.next() == 1
    with pytest.raises(RequestTimeout, match=r"nothing came for 0\.05 s"):
        await arriving.next()


async def test_a_client_may_not_drip_for_ever() -> None:
    """The time for everything is bounded too."""
    arriving = Incoming(dripping(), seconds=0.1)

    async def read() -> None:
        while await arriving.next():
            pass

    with pytest.raises(RequestTimeout, match=r"everything within 0\.1 s"):
        await read()


async def test_a_pause_loses_nothing() -> None:
    """What comes after it is next, and then the end."""
    over = asyncio.Event()

    async def pausing() -> AsyncIterator[int]:
        yield 1
        await over.wait()
        yield 2

    async with Incoming(pausing()) as arriving:
        assert not await arriving.quiet(PATIENCE)
        assert await arriving.next() == 1
        assert await arriving.quiet(0.05)
        over.set()
        assert not await arriving.quiet(PATIENCE)
        assert [await arriving.next(), await arriving.next()] == [2, None]


async def test_who_stays_silent_can_be_left() -> None:
    """Nothing waits for the client once the work with its messages is over."""
    before = asyncio.all_tasks()
    async with Incoming(silent()) as arriving:
        assert await arriving.next() == 1
        assert await arriving.quiet(0.05)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_refusal_reaches_a_client_that_still_sends(channel: grpc.aio.Channel) -> None:
    """grpc.aio's own client loses a status that comes in the middle of a message."""
    requests = [pb.EstimateRequest(audio=Audio(content=bytes(100_000)))] * 8
    stub = pb_grpc.AgeEstimationStub(channel)
    for _ in range(20):
        code, _ = await status(stub.Estimate(each(requests), timeout=PATIENCE))  # type: ignore[arg-type]
        assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_what_still_comes_is_dropped_for_a_moment() -> None:
    """To its end, or until that moment is over."""
    arriving = Incoming(each([1, 2, 3]))
    assert await arriving.next() == 1
    await arriving.linger()
    assert await arriving.next() is None
    await Incoming(dripping()).linger()


@pytest.mark.parametrize(("size", "answered"), [(1, False), (100_000, True)])
async def test_a_call_may_not_drip(
    alone: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch, size: int, *, answered: bool
) -> None:
    """Who sends a byte now and then is told so by name; who sends at the rate of speech is not."""
    monkeypatch.setattr(incoming, "PACE_SECONDS", 0.2)

    async def sent() -> AsyncIterator[extraction.ExtractRequest]:
        for _ in range(20):
            yield extraction.ExtractRequest(audio=Audio(content=bytes(size)))
            await asyncio.sleep(0.05)
        yield extraction.ExtractRequest(audio=Audio(raw_audio_config=PCM16))

    code, message = await status(extraction_grpc.VoiceprintExtractionStub(alone).Extract(sent()))  # type: ignore[arg-type]
    assert (code is grpc.StatusCode.DEADLINE_EXCEEDED) is not answered
    assert message.startswith("the call is too slow: ") is not answered
