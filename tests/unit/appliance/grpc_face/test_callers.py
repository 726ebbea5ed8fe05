"""Who makes a call."""

from pathlib import Path

import grpc
import grpc.aio
import pytest
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from appliance.grpc_face.callers import address
from tasks.store import TaskStore
from tests.made_keys import made_keys
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.made import voiceprints
from tests.unit.appliance.grpc_face.streams import taken


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:50051", "127.0.0.1"),
        ("ipv6:%5B::1%5D:50051", "::1"),
        ("ipv6:[2001:db8::1]:50051", "2001:db8::1"),
        ("unix:", "unix:"),
    ],
)
def test_the_address_is_told_without_the_port(peer: str, expected: str) -> None:
    """A client that connects anew is the same."""
    assert address(peer) == expected


async def test_rates_are_those_of_callers(serving: Serving, store: TaskStore, tmp_path: Path) -> None:
    """Each API key has its own, and who has used it up is told when to come back and how it stands."""
    first, second = made_keys(tmp_path, "first", "second")
    (third,) = made_keys(tmp_path, "third", rate_limit=2)
    async with (
        serving(rate_limit=1) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = pb_grpc.VoiceprintMergingStub(channel)
        given = pb.MergeRequest(voiceprints=voiceprints(2))
        told = [
            await taken(stub.Merge(given, metadata=(("x-api-key", key),)), store)
            for key in (first, first, second, third, third, third)
        ]
    ok, limited = grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [code for code, _ in told] == [ok, limited, ok, ok, ok, limited]
