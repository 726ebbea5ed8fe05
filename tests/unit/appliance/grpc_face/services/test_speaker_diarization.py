"""`Diarize`: not there yet, and what could never be asked for."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.speaker_diarization.v1 import speaker_diarization_pb2 as pb
from phonexia.grpc.technologies.speaker_diarization.v1 import speaker_diarization_pb2_grpc as pb_grpc

from schemas.technologies import technologies
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.streams import content, status


async def unfinished(config: pb.DiarizeConfig) -> AsyncIterator[pb.DiarizeRequest]:
    yield pb.DiarizeRequest(audio=Audio(content=content("demo.flac")[:1000]), config=config)
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "config", [pb.DiarizeConfig(), pb.DiarizeConfig(max_speakers=2), pb.DiarizeConfig(total_speakers=2)]
)
async def test_it_is_not_implemented(alone: grpc.aio.Channel, config: pb.DiarizeConfig) -> None:
    """Which is told before the recording has come, in the words of REST."""
    stub = pb_grpc.SpeakerDiarizationStub(alone)
    code, message = await status(stub.Diarize(unfinished(config), timeout=PATIENCE))  # type: ignore[arg-type]
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert message == technologies()["speaker-diarization"].missing


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (pb.DiarizeConfig(max_speakers=0), "config.max_speakers: must be greater than 0, not 0"),
        (pb.DiarizeConfig(total_speakers=-3), "config.total_speakers: must be greater than 0, not -3"),
        (
            pb.DiarizeConfig(max_speakers=2, total_speakers=2),
            "config: max_speakers and total_speakers exclude each other",
        ),
    ],
)
async def test_numbers_of_speakers_must_make_sense(
    alone: grpc.aio.Channel, config: pb.DiarizeConfig, named: str
) -> None:
    """Even where none are counted yet."""
    stub = pb_grpc.SpeakerDiarizationStub(alone)
    code, message = await status(stub.Diarize(unfinished(config), timeout=PATIENCE))  # type: ignore[arg-type]
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(named)
