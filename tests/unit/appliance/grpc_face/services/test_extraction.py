"""`Extract`: the same voiceprints as over REST, however the client sends its recording."""

import io
from collections.abc import Iterable
from typing import Any

import grpc
import grpc.aio
import httpx
import numpy as np
import pytest
import soundfile
from google.protobuf.duration_pb2 import Duration
from phonexia.grpc.common.core_pb2 import Audio, RawAudioConfig, TimeRange
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb

from appliance.grpc_face.raw_audio import RawFormat
from schemas.voiceprint import Voiceprint, decode, from_base64
from tests.conftest import Appliance
from tests.unit.appliance.grpc_face.conftest import Serving
from tests.unit.appliance.grpc_face.streams import (
    PCM16,
    content,
    extract_requests,
    extracted,
    folders,
    over_rest,
    samples,
    seconds,
    status,
    time_range,
)

VECTOR = pb.ExtractConfig(enable_vector_voiceprint=True)


def expected_of(client: httpx.Client, data: bytes, **query: Any) -> Voiceprint:
    channel = over_rest(client, "speaker-identification-voiceprint-extraction", data, **query)
    return decode(from_base64(channel["voiceprint"]))


def voiceprint(response: pb.ExtractResponse) -> Voiceprint:
    return decode(response.result.voiceprint.content)


def same(one: Voiceprint, other: Voiceprint) -> bool:
    return one.speech_length == other.speech_length and np.array_equal(one.vector, other.vector)


async def test_a_recording_gives_the_voiceprint_of_rest(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """The container itself, its vector when asked for, and both lengths."""
    response = await extracted(channel, extract_requests(content("demo.flac"), config=VECTOR))
    found = voiceprint(response)
    expected = expected_of(client, content("demo.flac"))
    assert same(found, expected)
    assert found.media_sha256 == expected.media_sha256
    np.testing.assert_array_equal(response.result.vector_voiceprint.values, expected.vector)
    assert response.result.speech_length == seconds(expected.speech_length)
    assert response.processed_audio_length == seconds(5.4948125)


async def test_the_vector_is_unset_when_it_is_not_asked_for(channel: grpc.aio.Channel) -> None:
    """As the proto says."""
    response = await extracted(channel, extract_requests(content("demo.flac")))
    assert not response.result.HasField("vector_voiceprint")


async def test_without_speech_the_vector_is_empty(channel: grpc.aio.Channel) -> None:
    """There is a voiceprint nevertheless, which says so."""
    silence = np.zeros(32_000, "<i2").tobytes()
    response = await extracted(channel, extract_requests(silence, raw=PCM16, config=VECTOR))
    assert response.result.HasField("vector_voiceprint")
    assert list(response.result.vector_voiceprint.values) == []
    assert response.result.speech_length == Duration()
    assert not voiceprint(response).has_speech
    assert response.processed_audio_length == seconds(2.0)


@pytest.mark.parametrize("size", [999, 7001, 100_000_000])
async def test_chunks_may_have_any_size(channel: grpc.aio.Channel, client: httpx.Client, size: int) -> None:
    """Those of the raw audio end within samples then."""
    expected = expected_of(client, content("demo.flac"))
    assert same(voiceprint(await extracted(channel, extract_requests(content("demo.flac"), size=size))), expected)
    raw = extract_requests(samples("demo.flac").tobytes(), size=size, raw=PCM16)
    assert same(voiceprint(await extracted(channel, raw)), expected)


def repeated(messages: Iterable[pb.ExtractRequest]) -> list[pb.ExtractRequest]:
    """Everything said in every message."""
    these = list(messages)
    for message in these[1:]:
        message.audio.time_range.CopyFrom(these[0].audio.time_range)
        message.audio.raw_audio_config.CopyFrom(these[0].audio.raw_audio_config)
    return these


def once(messages: Iterable[pb.ExtractRequest]) -> list[pb.ExtractRequest]:
    """Everything said before the audio, in a message of its own, and among empty ones."""
    these = list(messages)
    first = pb.ExtractRequest()
    first.CopyFrom(these[0])
    first.audio.content = b""
    for message in these:
        message.ClearField("config")
        message.audio.ClearField("time_range")
        message.audio.ClearField("raw_audio_config")
    return [pb.ExtractRequest(), first, pb.ExtractRequest(audio=Audio()), *these, pb.ExtractRequest()]


def emptied(messages: Iterable[pb.ExtractRequest]) -> list[pb.ExtractRequest]:
    """Everything said in a message of its own, behind one and before others in which everything is there and empty."""
    empty = pb.ExtractRequest(audio=Audio(time_range=TimeRange(), raw_audio_config=RawAudioConfig()))
    empty.config.SetInParent()
    _, said, *these = once(messages)
    for message in these:
        message.MergeFrom(empty)
    return [empty, said, *these]


@pytest.mark.parametrize("way", [list, repeated, once, emptied])
async def test_what_is_said_of_the_audio_is_said_once_or_always(
    channel: grpc.aio.Channel, client: httpx.Client, way: Any
) -> None:
    """Config, range and raw format in every message, in the first, or before any audio; empty ones say nothing."""
    config = pb.ExtractConfig(speech_length=seconds(2), enable_vector_voiceprint=True)
    raw = samples("demo.flac").tobytes()
    messages = extract_requests(raw, size=20_000, raw=PCM16, within=time_range(0.5, 4.0), config=config)
    response = await extracted(channel, way(messages))
    expected = expected_of(client, content("demo.flac"), range_from=0.5, range_to=4.0, max_speech_length=2)
    assert same(voiceprint(response), expected)
    assert len(response.result.vector_voiceprint.values) == 256


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (pb.ExtractRequest(config=pb.ExtractConfig(speech_length=seconds(1))), "config: must not change"),
        (pb.ExtractRequest(audio=Audio(time_range=time_range(1, 2))), "time_range: must not change"),
        (
            pb.ExtractRequest(audio=Audio(raw_audio_config=RawAudioConfig(channels=1, sample_rate_hertz=8000))),
            "raw_audio_config: must not change",
        ),
    ],
)
async def test_what_is_said_may_not_change(channel: grpc.aio.Channel, changed: pb.ExtractRequest, named: str) -> None:
    """Nobody knows which of both was meant."""
    raw = samples("demo.flac").tobytes()
    messages = list(extract_requests(raw, size=40_000, raw=PCM16, within=time_range(1, 3), config=VECTOR))
    code, message = await status(extracted(channel, [*messages[:2], changed, *messages[2:]]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert named in message


@pytest.mark.parametrize(
    ("late", "named"),
    [
        (pb.ExtractRequest(config=VECTOR), "config"),
        (pb.ExtractRequest(audio=Audio(time_range=time_range(1))), "audio.time_range"),
        (pb.ExtractRequest(audio=Audio(raw_audio_config=PCM16)), "audio.raw_audio_config"),
    ],
)
@pytest.mark.parametrize("config", [None, pb.ExtractConfig()])
async def test_what_comes_after_the_audio_has_begun_is_late(
    channel: grpc.aio.Channel, late: pb.ExtractRequest, named: str, config: pb.ExtractConfig | None
) -> None:
    """It is refused instead of being ignored, whether the audio came with nothing or with what is empty."""
    begun = pb.ExtractRequest(audio=Audio(content=content("demo.flac")), config=config)
    code, message = await status(extracted(channel, [begun, late]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(f"{named}: must come before the audio")


@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("encoding", ["PCM16", "PCM32", "MULAW", "ALAW"])
async def test_raw_audio_is_that_of_a_file(
    channel: grpc.aio.Channel, client: httpx.Client, encoding: str, rate: int
) -> None:
    """Every encoding, at any rate, gives what the same samples give in a WAV file."""
    config = RawAudioConfig(encoding=RawAudioConfig.AudioEncoding.Value(encoding), sample_rate_hertz=rate, channels=1)
    subtype = {"PCM16": "PCM_16", "PCM32": "PCM_32", "MULAW": "ULAW", "ALAW": "ALAW"}[encoding]
    file = io.BytesIO()
    soundfile.write(file, samples("demo.flac"), rate, format="WAV", subtype=subtype)
    with_header = file.getvalue()
    data = with_header[with_header.index(b"data") + 8 :][: len(samples("demo.flac")) * RawFormat.of(config).width]
    response = await extracted(channel, extract_requests(data, raw=config))
    assert same(voiceprint(response), expected_of(client, with_header))


@pytest.mark.parametrize("within", [(None, 2.0), (1.5, None), (0.75, 3.25), (0.0, 2.0)])
async def test_only_the_time_range_is_heard(
    channel: grpc.aio.Channel, client: httpx.Client, within: tuple[float | None, float | None]
) -> None:
    """Of a file and of raw audio."""
    start, end = within
    query = {name: value for name, value in (("range_from", start), ("range_to", end)) if value is not None}
    expected = expected_of(client, content("demo.flac"), **query)
    asked = time_range(start, end)
    found = await extracted(channel, extract_requests(content("demo.flac"), within=asked))
    assert same(voiceprint(found), expected)
    raw = extract_requests(samples("demo.flac").tobytes(), size=32_000, raw=PCM16, within=asked)
    assert same(voiceprint(await extracted(channel, raw)), expected)


@pytest.mark.parametrize(
    ("within", "config", "named"),
    [
        (TimeRange(start=Duration(seconds=-1)), None, "audio.time_range.start: "),
        (TimeRange(end=Duration(nanos=1_000_000_000)), None, "audio.time_range.end: "),
        (time_range(3, 2), None, "audio.time_range.end: must be greater than the start"),
        (time_range(2, 2), None, "audio.time_range.end: "),
        (time_range(None, 0), None, "audio.time_range.end: "),
        (TimeRange(start=Duration(seconds=1 << 60)), None, "audio.time_range.start: "),
        (None, pb.ExtractConfig(speech_length=Duration(seconds=-5)), "config.speech_length: "),
        (None, pb.ExtractConfig(speech_length=Duration(nanos=-1)), "config.speech_length: "),
    ],
)
async def test_times_that_make_no_sense_are_named(
    channel: grpc.aio.Channel, within: TimeRange | None, config: pb.ExtractConfig | None, named: str
) -> None:
    """Negative ones, ends before starts, nanoseconds that are no part of a second."""
    code, message = await status(
        extracted(channel, extract_requests(content("demo.flac"), within=within, config=config))
    )
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(named)


async def test_a_range_behind_the_recording_is_refused(channel: grpc.aio.Channel) -> None:
    """With both times in the message."""
    requests = extract_requests(content("demo.flac"), within=time_range(60))
    code, message = await status(extracted(channel, requests))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "60 s" in message
    assert "5.49 s" in message


@pytest.mark.parametrize(
    "messages", [[], [pb.ExtractRequest()], [pb.ExtractRequest(audio=Audio(raw_audio_config=PCM16))]]
)
async def test_a_call_without_audio_is_refused(channel: grpc.aio.Channel, messages: list[pb.ExtractRequest]) -> None:
    """Empty, or with nothing in its messages."""
    code, message = await status(extracted(channel, messages))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("the call has no audio")


async def test_raw_audio_may_not_end_within_a_sample(channel: grpc.aio.Channel) -> None:
    """Somewhere a byte was lost."""
    raw = samples("demo.flac").tobytes()[:-1]
    code, message = await status(extracted(channel, extract_requests(raw, raw=PCM16)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("audio.content: the raw audio ends within a sample")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
async def test_several_channels_are_refused(channel: grpc.aio.Channel, kind: str) -> None:
    """By the header where that says it plainly, else by the task; and it is said where they are taken."""
    file = io.BytesIO()
    soundfile.write(file, np.stack([samples("demo.flac")] * 2, axis=1), 16_000, format=kind)
    code, message = await status(extracted(channel, extract_requests(file.getvalue())))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "the recording has 2 channels" in message
    assert "REST" in message


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (RawAudioConfig(sample_rate_hertz=8000, channels=2), "2 channels is not taken"),
        (RawAudioConfig(sample_rate_hertz=3999, channels=1), "4000 to 192000 Hz"),
    ],
)
async def test_raw_audio_that_is_not_taken_is_named(channel: grpc.aio.Channel, raw: RawAudioConfig, named: str) -> None:
    """Before its bytes are kept."""
    code, message = await status(extracted(channel, extract_requests(bytes(1000), raw=raw)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert named in message


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"this is text", "this is text, not a recording"),
        (content("demo.flac")[:50_000], "FLAC recording"),
        (content("ulaw-8k.wav")[:20_000], "truncated"),
    ],
)
async def test_the_reason_of_a_rejected_task_is_told(channel: grpc.aio.Channel, data: bytes, named: str) -> None:
    """In the words that REST has for it."""
    code, message = await status(extracted(channel, extract_requests(data)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert named in message


async def test_recordings_have_a_largest_size(serving: Serving) -> None:
    """That of REST: what is longer is refused while it comes, and nothing of it stays."""
    async with (
        serving(single_file_upload_size=100_000) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened,
    ):
        code, message = await status(extracted(opened, extract_requests(bytes(1_000_000), raw=PCM16)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "the limit of 100000 bytes" in message


async def test_nothing_of_a_call_stays(channel: grpc.aio.Channel, appliance: Appliance) -> None:
    """Neither recording nor result, whether it was answered or refused."""
    before = set(folders(appliance.data_dir))
    await extracted(channel, extract_requests(content("demo.flac")))
    await status(extracted(channel, extract_requests(b"this is text")))
    assert set(folders(appliance.data_dir)) <= before
