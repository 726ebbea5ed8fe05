"""`Merge`: one voiceprint of several."""

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
from tests.unit.appliance.grpc_face.made import messages, voiceprints
from tests.unit.appliance.grpc_face.streams import content, seconds, status
from tests.unit.tasks.jobs.made_voiceprints import directions, text


def merge(channel: grpc.aio.Channel, given: list[Voiceprint]) -> Any:
    return pb_grpc.VoiceprintMergingStub(channel).Merge(pb.MergeRequest(voiceprints=given), timeout=PATIENCE)


async def test_merging_weighs_by_speech_and_sums_it(channel: grpc.aio.Channel) -> None:
    """The raw container comes back, and the length of speech that it stands for."""
    one, other = directions(2)
    response = await merge(channel, messages([text(one, 6.0), text(other, 2.5)]))
    found = decode(response.voiceprint.content)
    assert response.speech_length == seconds(8.5)
    assert (found.speech_length, found.merged) == (8.5, 4)
    mean = (6.0 * one + 2.5 * other) / 8.5
    np.testing.assert_allclose(found.vector, mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([], "voiceprints: at least 2 are merged, there are none"),
        (voiceprints(1), "voiceprints: at least 2 are merged, there is 1"),
        (
            [*voiceprints(1), Voiceprint(content=content("mpeg.mp3"))],
            "voiceprints.1: this is not a voiceprint of this appliance: it looks like a recording",
        ),
    ],
)
async def test_what_cannot_be_merged_is_named(alone: grpc.aio.Channel, given: list[Voiceprint], named: str) -> None:
    """Before a worker is asked."""
    code, message = await status(merge(alone, given))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(named)


async def test_voiceprints_of_several_models_are_not_merged(channel: grpc.aio.Channel) -> None:
    """The task's own reason is told."""
    (vector,) = directions(1)
    given = messages([text(vector), text(vector, space="other", model="other")])
    code, message = await status(merge(channel, given))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "voiceprints.1" in message
    assert "embedding space" in message
