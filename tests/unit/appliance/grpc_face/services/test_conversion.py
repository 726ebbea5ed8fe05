"""`Convert`: every message answered for itself, in order."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from phonexia.grpc.common.core_pb2 import Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from schemas.voiceprint import decode
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face import made
from tests.unit.appliance.grpc_face.made import silent, voiceprints
from tests.unit.appliance.grpc_face.streams import all_of, content, each, status

MOST_REPLY_BYTES = 4 << 20


def convert(channel: grpc.aio.Channel, requests: Any) -> Any:
    given = requests if hasattr(requests, "__aiter__") else each(requests)
    return pb_grpc.VoiceprintConversionStub(channel).Convert(given, timeout=PATIENCE)  # type: ignore[arg-type]


def vectors(response: pb.ConvertResponse) -> list[list[float]]:
    return [list(one.values) for one in response.vector_voiceprints]


def expected(given: list[Voiceprint]) -> list[list[float]]:
    return [decode(one.content).spoken_vector.tolist() for one in given]


async def test_each_message_has_its_own_response(channel: grpc.aio.Channel) -> None:
    """In order, value for value what the voiceprints hold, empty without speech."""
    messages = [voiceprints(3, seed=1), [silent(), *voiceprints(1)], voiceprints(1024, seed=2)]
    responses = await all_of(convert(channel, [pb.ConvertRequest(voiceprints=one) for one in messages]))
    assert [vectors(one) for one in responses] == [expected(one) for one in messages]
    assert len(responses[1].vector_voiceprints[0].values) == 0


async def test_a_response_does_not_wait_for_the_next_message(channel: grpc.aio.Channel) -> None:
    """A client may wait for one before it sends the other."""
    answered = asyncio.Event()

    async def patient() -> AsyncIterator[pb.ConvertRequest]:
        for count in (1, 2):
            answered.clear()
            yield pb.ConvertRequest(voiceprints=voiceprints(count))
            await answered.wait()

    found = []
    async for response in convert(channel, patient()):
        found.append(len(response.vector_voiceprints))
        answered.set()
    assert found == [1, 2]


async def test_long_answers_come_in_several_messages(channel: grpc.aio.Channel) -> None:
    """Each of them one that clients take; together they are the vectors in order."""
    given = voiceprints(10, seed=3)
    responses = await all_of(convert(channel, [pb.ConvertRequest(voiceprints=given * 600)]))
    assert len(responses) > 1
    assert all(one.ByteSize() < MOST_REPLY_BYTES for one in responses)
    found = np.array([vector for one in responses for vector in vectors(one)])
    np.testing.assert_array_equal(found, np.array(expected(given) * 600))


@pytest.mark.parametrize(("foreign", "named"), [one for one in made.FOREIGN if one[0] is not made.PHONEXIA])
async def test_what_is_no_voiceprint_is_named(alone: grpc.aio.Channel, foreign: str | bytes, named: str) -> None:
    """By its index in its message, and by what it is instead."""
    wrong = Voiceprint(content=content(foreign) if isinstance(foreign, str) else foreign)
    code, message = await status(convert(alone, [pb.ConvertRequest(voiceprints=[*voiceprints(1), wrong])]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("voiceprints.1: ")
    assert named in message


@pytest.mark.parametrize(
    ("requests", "named"),
    [
        ([], "the call has no voiceprints"),
        ([pb.ConvertRequest()], "voiceprints: there are none"),
        (
            [pb.ConvertRequest(voiceprints=[Voiceprint(content=b"ZOVP")] * 50_001)],
            "voiceprints: there are more than 50000",
        ),
        (
            [pb.ConvertRequest(voiceprints=[Voiceprint(content=b"ZOVP" + bytes(1 << 20))])],
            "voiceprints.0: a voiceprint",
        ),
    ],
)
async def test_too_few_and_too_many_are_refused(
    alone: grpc.aio.Channel, requests: list[pb.ConvertRequest], named: str
) -> None:
    """One to 50,000 in a message."""
    code, message = await status(convert(alone, requests))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(named)


async def test_what_came_before_a_bad_message_is_answered(channel: grpc.aio.Channel) -> None:
    """The call ends with the message that cannot be used."""
    requests = [pb.ConvertRequest(voiceprints=voiceprints(2)), pb.ConvertRequest()]
    call = convert(channel, requests)
    assert len((await call.read()).vector_voiceprints) == 2
    with pytest.raises(grpc.aio.AioRpcError, match="voiceprints: there are none"):
        await call.read()
