"""Raw audio is answered as soon as what is asked for has come, while the client still sends or is silent."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc.aio
import httpx
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from phonexia.grpc.common.core_pb2 import Audio, RawAudioConfig, TimeRange
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2 as gender_pb
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2_grpc as gender_grpc
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc
from phonexia.grpc.technologies.voice_activity_detection.v1 import voice_activity_detection_pb2 as vad_pb
from phonexia.grpc.technologies.voice_activity_detection.v1 import voice_activity_detection_pb2_grpc as vad_grpc

from tests.conftest import Appliance
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.streams import chunks, over_rest, samples, seconds, time_range

EXTRACTION = "speaker-identification-voiceprint-extraction"
SPEECH = ("demo.flac", "answer.flac", "stranger.flac")
Signal = npt.NDArray[np.int16]


@pytest.fixture
async def channel(appliance: Appliance) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(appliance.grpc) as opened:
        yield opened


def talk(rate: int) -> Signal:
    """Ten seconds and more of three voices with pauses."""
    signal = np.concatenate([samples(name) for name in SPEECH])
    return signal if rate == 16_000 else soxr.resample(signal, 16_000, rate)  # type: ignore[no-any-return]


def wav(signal: Signal, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, signal, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def audio(signal: Signal, rate: int, size: int, within: TimeRange | None = None) -> Iterator[Audio]:
    raw: RawAudioConfig | None = RawAudioConfig(channels=1, sample_rate_hertz=rate)
    for chunk in chunks(signal.astype("<i2").tobytes(), size):
        yield Audio(content=chunk, raw_audio_config=raw, time_range=within)
        raw = within = None


async def unclosed(requests: Iterator[Any]) -> AsyncIterator[Any]:
    """A client that never says that it has nothing more to say."""
    for request in requests:
        yield request
    await asyncio.Event().wait()


def extract(channel: grpc.aio.Channel, requests: AsyncIterator[pb.ExtractRequest]) -> Any:
    return pb_grpc.VoiceprintExtractionStub(channel).Extract(requests, timeout=PATIENCE)  # type: ignore[arg-type]


def require_same(response: pb.ExtractResponse, expected: dict[str, Any]) -> None:
    np.testing.assert_array_equal(
        np.array(response.result.vector_voiceprint.values, np.float32),
        np.array(expected["vector_voiceprint"], np.float32),
    )
    assert response.result.speech_length == seconds(expected["speech_length"])
    assert response.processed_audio_length == seconds(expected["processed_audio_length"])


@pytest.mark.parametrize("cap", [0.5, 2.0, 5.0, 9.3])
@pytest.mark.parametrize(("rate", "size"), [(16_000, 32_000), (16_000, 3_333), (8000, 102_400), (44_100, 88_200)])
async def test_a_speech_cap_is_answered_while_the_call_is_open(
    channel: grpc.aio.Channel, client: httpx.Client, rate: int, size: int, cap: float
) -> None:
    """With the vector of the whole recording under the same cap over REST, value for value."""
    signal = talk(rate)
    config = pb.ExtractConfig(speech_length=seconds(cap), enable_vector_voiceprint=True)
    requests = (pb.ExtractRequest(audio=one, config=config) for one in audio(signal, rate, size))
    response = await extract(channel, unclosed(requests))
    query = {"max_speech_length": cap, "include_vector_voiceprint": True}
    require_same(response, over_rest(client, EXTRACTION, wav(signal, rate), **query))


def first_met(client: httpx.Client, signal: Signal, cap: float) -> int:
    """The samples that hold `cap` seconds of speech, at 16 kHz and to a frame of it."""
    few, many = 0, len(signal)
    while many - few > 512:
        half = (few + many) // 2
        found = over_rest(client, EXTRACTION, wav(signal[:half], 16_000), max_speech_length=cap)
        few, many = (few, half) if found["speech_length"] >= cap else (half, many)
    return many


async def test_a_client_that_falls_silent_once_the_cap_is_met(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """At whatever moment from then on: it is answered as if it had ended, with the vector of REST."""
    signal = talk(16_000)
    met = first_met(client, signal, 3.0)
    query = {"max_speech_length": 3.0, "include_vector_voiceprint": True}
    config = pb.ExtractConfig(speech_length=seconds(3.0), enable_vector_voiceprint=True)

    async def require(cut: int) -> None:
        requests = (pb.ExtractRequest(audio=one, config=config) for one in audio(signal[:cut], 16_000, 3200))
        response = await extract(channel, unclosed(requests))
        require_same(
            response, await asyncio.to_thread(over_rest, client, EXTRACTION, wav(signal[:cut], 16_000), **query)
        )
        assert response.result.speech_length == seconds(3.0)

    await asyncio.gather(*(require(met + round(more * 16_000)) for more in (0, 0.02, 0.05, 0.1, 0.15, 0.2)))


@pytest.mark.parametrize("rate", [16_000, 8000])
async def test_a_client_that_pauses_goes_on(channel: grpc.aio.Channel, client: httpx.Client, rate: int) -> None:
    """Within speech and longer than is waited for: what it is answered is that of the recording without a pause."""
    signal = talk(rate)
    config = pb.ExtractConfig(speech_length=seconds(5.0), enable_vector_voiceprint=True)

    async def speaking() -> AsyncIterator[pb.ExtractRequest]:
        for number, one in enumerate(audio(signal, rate, rate)):
            if number in (3, 6):
                await asyncio.sleep(1.5)
            yield pb.ExtractRequest(audio=one, config=config)
        await asyncio.Event().wait()

    query = {"max_speech_length": 5.0, "include_vector_voiceprint": True}
    require_same(await extract(channel, speaking()), over_rest(client, EXTRACTION, wav(signal, rate), **query))


async def test_a_cap_counts_within_the_time_range(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """What lies before it is passed over."""
    signal = talk(16_000)
    config = pb.ExtractConfig(speech_length=seconds(3.0), enable_vector_voiceprint=True)
    within = time_range(4.25, 12.0)
    requests = (pb.ExtractRequest(audio=one, config=config) for one in audio(signal, 16_000, 32_000, within))
    response = await extract(channel, unclosed(requests))
    query = {"max_speech_length": 3.0, "range_from": 4.25, "range_to": 12.0, "include_vector_voiceprint": True}
    require_same(response, over_rest(client, EXTRACTION, wav(signal, 16_000), **query))


@pytest.mark.parametrize("rate", [16_000, 8000])
async def test_the_end_of_the_time_range_is_enough(channel: grpc.aio.Channel, client: httpx.Client, rate: int) -> None:
    """What comes after it would not be heard."""
    signal = talk(rate)
    config = pb.ExtractConfig(enable_vector_voiceprint=True)
    requests = (
        pb.ExtractRequest(audio=one, config=config) for one in audio(signal, rate, 16_000, time_range(1.0, 6.5))
    )
    response = await extract(channel, unclosed(requests))
    query = {"range_from": 1.0, "range_to": 6.5, "include_vector_voiceprint": True}
    require_same(response, over_rest(client, EXTRACTION, wav(signal, rate), **query))


async def test_a_client_that_stops_at_the_end_of_the_range_is_answered(
    channel: grpc.aio.Channel, client: httpx.Client
) -> None:
    """With nothing after it, and without closing the call."""
    signal = talk(16_000)[: 3 * 16_000]
    config = pb.ExtractConfig(enable_vector_voiceprint=True)
    requests = (
        pb.ExtractRequest(audio=one, config=config) for one in audio(signal, 16_000, 16_000, time_range(None, 3.0))
    )
    response = await extract(channel, unclosed(requests))
    query = {"range_to": 3.0, "include_vector_voiceprint": True}
    require_same(response, over_rest(client, EXTRACTION, wav(talk(16_000), 16_000), **query))


async def test_a_client_that_goes_on_is_answered(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """One that speaks in real time, for ever."""
    signal = talk(16_000)
    config = pb.ExtractConfig(speech_length=seconds(2.0), enable_vector_voiceprint=True)

    async def speaking() -> AsyncIterator[pb.ExtractRequest]:
        while True:
            for one in audio(signal, 16_000, 16_000):
                yield pb.ExtractRequest(audio=one, config=config)
                await asyncio.sleep(0.01)

    query = {"max_speech_length": 2.0, "include_vector_voiceprint": True}
    require_same(await extract(channel, speaking()), over_rest(client, EXTRACTION, wav(signal, 16_000), **query))


async def test_silence_is_waited_through(channel: grpc.aio.Channel) -> None:
    """Only speech counts: half a minute of silence before it answers nothing."""
    signal = np.concatenate([np.zeros(30 * 16_000, np.int16), talk(16_000)])
    config = pb.ExtractConfig(speech_length=seconds(2.0))
    requests = (pb.ExtractRequest(audio=one, config=config) for one in audio(signal, 16_000, 102_400))
    response = await extract(channel, unclosed(requests))
    assert response.result.speech_length == seconds(2.0)
    assert response.processed_audio_length.seconds >= 32


async def test_gender_is_answered_early_as_well(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """It has the same cap."""
    signal = talk(16_000)
    config = gender_pb.IdentifyConfig(speech_length=seconds(2.0))
    requests = (gender_pb.IdentifyRequest(audio=one, config=config) for one in audio(signal, 16_000, 32_000))
    call: Any = gender_grpc.GenderIdentificationStub(channel).Identify(unclosed(requests), timeout=PATIENCE)  # type: ignore[arg-type]
    ((result,),) = [response.results async for response in call]
    expected = over_rest(client, "gender-identification", wav(signal, 16_000), max_speech_length=2.0)
    assert result.score_male.score_llr == pytest.approx(expected["score_male"]["score_llr"], rel=1e-6)
    assert result.speech_length == seconds(2.0)


async def test_voice_activity_is_answered_early_as_well(channel: grpc.aio.Channel, client: httpx.Client) -> None:
    """At the end of its time range."""
    signal = talk(16_000)
    requests = (vad_pb.DetectRequest(audio=one) for one in audio(signal, 16_000, 32_000, time_range(None, 5.0)))
    call: Any = vad_grpc.VoiceActivityDetectionStub(channel).Detect(unclosed(requests), timeout=PATIENCE)  # type: ignore[arg-type]
    found = await call
    expected = over_rest(client, "voice-activity-detection", wav(signal, 16_000), range_to=5.0)
    assert [one.end_time for one in found.segments] == [seconds(one["end_time"]) for one in expected["segments"]]
    assert found.processed_audio_length == seconds(5.0)
