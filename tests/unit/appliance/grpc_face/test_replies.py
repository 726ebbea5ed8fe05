"""Replies that are shared out over several messages."""

from phonexia.grpc.common.core_pb2 import Vector
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb

from appliance.grpc_face.replies import REPLY_BYTES, shared_out


def test_groups_keep_order_and_size() -> None:
    """None is longer than a reply, and nothing is lost."""
    vectors = [Vector(values=[float(index)] * 256) for index in range(5000)]
    groups = list(shared_out(vectors))
    assert [one for group in groups for one in group] == vectors
    assert len(groups) > 1
    assert all(pb.ConvertResponse(vector_voiceprints=group).ByteSize() <= REPLY_BYTES for group in groups)


def test_what_is_empty_takes_room_too() -> None:
    """Vectors without values, as many as there may be."""
    groups = list(shared_out([Vector()] * 50_000))
    assert len(groups) == 1
    assert pb.ConvertResponse(vector_voiceprints=groups[0]).ByteSize() <= REPLY_BYTES


def test_nothing_is_one_empty_group() -> None:
    """A reply is owed all the same."""
    assert list(shared_out([])) == [[]]
