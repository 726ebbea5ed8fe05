"""`Compare`: both lists whole, in messages of any size and order, and the matrix the gRPC way round."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import repeat, zip_longest
from typing import Any

import grpc
import grpc.aio
import httpx
import numpy as np
import numpy.typing as npt
import pytest
from phonexia.grpc.common.core_pb2 import Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.server import Server
from schemas.voiceprint import to_base64
from tests.conftest import API, ended
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face import made
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.made import voiceprints
from tests.unit.appliance.grpc_face.streams import all_of, content, each, status

MOST_REPLY_BYTES = 4 << 20


def interleaved(a: Sequence[Voiceprint], b: Sequence[Voiceprint], most: int = 1024) -> Iterator[pb.CompareRequest]:
    """As the published clients send them: one of a, one of b, and so on, `most` in a message."""
    request = pb.CompareRequest()
    for one, other in zip_longest(a, b):
        if len(request.voiceprints_a) + len(request.voiceprints_b) >= most:
            yield request
            request = pb.CompareRequest()
        if one is not None:
            request.voiceprints_a.append(one)
        if other is not None:
            request.voiceprints_b.append(other)
    yield request


def compare(channel: grpc.aio.Channel, requests: Any) -> Any:
    return pb_grpc.VoiceprintComparisonStub(channel).Compare(each(requests), timeout=PATIENCE)  # type: ignore[arg-type]


def matrix(responses: Sequence[pb.CompareResponse]) -> npt.NDArray[np.float64]:
    """As the published clients put it together: counts of the first response, values of all."""
    shape = (responses[0].scores.rows_count, responses[0].scores.columns_count)
    return np.concatenate([np.array(one.scores.values) for one in responses]).reshape(shape)


def over_rest(client: httpx.Client, a: Sequence[Voiceprint], b: Sequence[Voiceprint]) -> npt.NDArray[np.float64]:
    body = {
        "voiceprints_a": [to_base64(one.content) for one in a],
        "voiceprints_b": [to_base64(one.content) for one in b],
    }
    answer = client.post(f"{API}/speaker-identification-voiceprint-comparison", json=body)
    scores: Any = ended(client, answer.headers["Location"])["result"]["scores"]  # type: ignore[index]
    found: npt.NDArray[np.float64] = np.array(scores["values"]).reshape(scores["rows_count"], scores["columns_count"])
    return found


async def test_rows_are_of_a_and_columns_of_b(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """The transpose of what REST answers, value for value."""
    a, b = voiceprints(3, seed=1), voiceprints(5, seed=2)
    found = matrix(await all_of(compare(channel, interleaved(a, b))))
    assert found.shape == (3, 5)
    np.testing.assert_array_equal(found.astype(np.float32), over_rest(client, a, b).T.astype(np.float32))


async def test_messages_may_hold_any_part_of_the_lists(channel: grpc.aio.Channel) -> None:
    """One at a time, b before a, empty ones between them, or 1,024 in each: the lists are the same."""
    a, b = voiceprints(700, seed=1), voiceprints(600, seed=2)
    expected = matrix(await all_of(compare(channel, [pb.CompareRequest(voiceprints_a=a, voiceprints_b=b)])))
    assert expected.shape == (700, 600)
    ways = (
        interleaved(a, b),
        interleaved(a, b, most=1),
        [pb.CompareRequest(voiceprints_b=b), pb.CompareRequest(), pb.CompareRequest(voiceprints_a=a)],
    )
    for requests in ways:
        np.testing.assert_array_equal(matrix(await all_of(compare(channel, requests))), expected)


async def test_one_pair_has_exactly_one_response(channel: grpc.aio.Channel) -> None:
    """Clients print each they get."""
    (one,) = voiceprints(1)
    (response,) = await all_of(compare(channel, interleaved([one], [one])))
    assert (response.scores.rows_count, response.scores.columns_count) == (1, 1)
    assert len(response.scores.values) == 1
    assert response.scores.values[0] > 0


async def test_replies_stay_below_what_clients_take(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """A million scores come in several, of which only the first has the counts."""
    a, b = voiceprints(1000, seed=1), voiceprints(1000, seed=2)
    responses = await all_of(compare(channel, interleaved(a, b)))
    assert len(responses) > 1
    assert all(one.ByteSize() < MOST_REPLY_BYTES for one in responses)
    assert [(one.scores.rows_count, one.scores.columns_count) for one in responses[1:]] == [(0, 0)] * (
        len(responses) - 1
    )
    np.testing.assert_array_equal(matrix(responses).astype(np.float32), over_rest(client, a, b).T.astype(np.float32))


@pytest.mark.parametrize("side", ["voiceprints_a", "voiceprints_b"])
@pytest.mark.parametrize(("foreign", "named"), made.FOREIGN)
async def test_what_is_no_voiceprint_is_named(
    alone: grpc.aio.Channel, side: str, foreign: str | bytes, named: str
) -> None:
    """By its list and index, over all messages, and by what it is instead; no worker need look at it."""
    wrong = Voiceprint(content=content(foreign) if isinstance(foreign, str) else foreign)
    good = voiceprints(2)
    requests = [pb.CompareRequest(voiceprints_a=good, voiceprints_b=good), pb.CompareRequest(**{side: [wrong]})]
    code, message = await status(compare(alone, requests))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(f"{side}.2: ")
    assert named in message


async def test_damaged_voiceprints_are_named(channel: grpc.aio.Channel) -> None:
    """What only the task finds is told in its words."""
    good = voiceprints(3)
    torn = Voiceprint(content=good[1].content[:-5])
    code, message = await status(compare(channel, interleaved(good, [good[0], torn])))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "voiceprints_b.1" in message
    assert "bytes of" in message


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [(0, 1, "voiceprints_a: there are none"), (1, 0, "voiceprints_b: there are none"), (0, 0, "voiceprints_a")],
)
async def test_both_lists_are_needed(channel: grpc.aio.Channel, a: int, b: int, named: str) -> None:
    """A call without a message has neither."""
    for requests in ([pb.CompareRequest(voiceprints_a=voiceprints(a), voiceprints_b=voiceprints(b))], []):
        code, message = await status(compare(channel, requests))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert message.startswith(named if requests else "voiceprints_a: there are none")


async def refused(server: Server, request: pb.CompareRequest) -> tuple[grpc.StatusCode, str]:
    """How a client is refused that sends `request` over and over and never stops."""

    def call() -> tuple[grpc.StatusCode, str]:
        # Not that of asyncio, which loses the status when it comes while it sends.
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as opened, pytest.raises(grpc.RpcError) as raised:
            list(pb_grpc.VoiceprintComparisonStub(opened).Compare(repeat(request), timeout=PATIENCE))
        return raised.value.code(), raised.value.details()

    return await asyncio.to_thread(call)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (pb.CompareRequest(voiceprints_a=voiceprints(1) * 1024), "voiceprints_a: there are more than 50000"),
        (pb.CompareRequest(voiceprints_b=voiceprints(1) * 1024), "voiceprints_b: there are more than 50000"),
        (
            pb.CompareRequest(voiceprints_a=voiceprints(1) * 300, voiceprints_b=voiceprints(1) * 300),
            "voiceprints_a: more than 1000000 pairs",
        ),
    ],
)
async def test_limits_hold_while_the_lists_still_come(
    serving: Serving, request_: pb.CompareRequest, named: str
) -> None:
    """A client that never stops is told as soon as it has sent too much."""
    async with serving() as server:
        code, message = await refused(server, request_)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(named)


async def test_bytes_are_limited_as_well(serving: Serving) -> None:
    """By the size of an upload."""
    async with serving(single_file_upload_size=1_000_000) as server:
        code, message = await refused(server, pb.CompareRequest(voiceprints_b=voiceprints(1) * 100))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "the limit of 1000000 bytes" in message
