"""`Detect`: where it is spoken."""

from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import httpx
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from phonexia.grpc.common.core_pb2 import Audio, RawAudioConfig, TimeRange
from phonexia.grpc.technologies.voice_activity_detection.v1 import voice_activity_detection_pb2 as pb
from phonexia.grpc.technologies.voice_activity_detection.v1 import voice_activity_detection_pb2_grpc as pb_grpc

from appliance.grpc_face.durations import duration
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.streams import PCM16, chunks, content, each, over_rest, samples, status, time_range


def requests(
    data: bytes, raw: RawAudioConfig | None = None, within: TimeRange | None = None
) -> Iterator[pb.DetectRequest]:
    for chunk in chunks(data, 32_000):
        yield pb.DetectRequest(audio=Audio(content=chunk, raw_audio_config=raw, time_range=within))
        raw = within = None


def detect(channel: grpc.aio.Channel, given: Any) -> Any:
    return pb_grpc.VoiceActivityDetectionStub(channel).Detect(each(given), timeout=PATIENCE)  # type: ignore[arg-type]


@pytest.mark.parametrize("within", [(None, None), (1.0, 4.0)])
async def test_segments_are_those_of_rest(
    channel: grpc.aio.Channel, client: httpx.Client, within: tuple[float | None, float | None]
) -> None:
    """To the nanosecond, of a file and of raw audio."""
    query = {name: value for name, value in zip(("range_from", "range_to"), within, strict=True) if value is not None}
    expected = over_rest(client, "voice-activity-detection", content("demo.flac"), **query)
    found = await detect(channel, requests(content("demo.flac"), within=time_range(*within)))
    assert [(one.type, one.start_time, one.end_time) for one in found.segments] == [
        (pb.Segment.VOICE, duration(one["start_time"]), duration(one["end_time"])) for one in expected["segments"]
    ]
    assert found.segments
    assert found.speech_length == duration(expected["speech_length"])
    assert found.processed_audio_length == duration(expected["processed_audio_length"])
    assert found == await detect(channel, requests(samples("demo.flac").tobytes(), PCM16, time_range(*within)))


async def test_silence_has_no_segments(channel: grpc.aio.Channel) -> None:
    """It was listened to all the same."""
    found = await detect(channel, requests(np.zeros(16_000, "<i2").tobytes(), PCM16))
    assert not found.segments
    assert found.speech_length == Duration()
    assert found.processed_audio_length == Duration(seconds=1)


async def test_a_call_without_audio_is_refused(channel: grpc.aio.Channel) -> None:
    """As of every service that listens."""
    code, message = await status(detect(channel, []))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("the call has no audio")
