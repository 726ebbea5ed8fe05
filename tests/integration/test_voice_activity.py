"""Voice activity through a real appliance."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from schemas.technologies import technologies
from tests.conftest import EXTRACTION, RECORDINGS, ended

VOICE_ACTIVITY = "/api/technology/voice-activity-detection"
RATE = 16_000


def wav(samples: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV")
    return buffer.getvalue()


def sentence() -> "np.ndarray[Any, np.dtype[np.float32]]":
    samples, _ = soundfile.read(RECORDINGS / "demo.flac", dtype="float32", frames=round(1.8 * RATE))
    return np.asarray(samples, np.float32)


def body(client: httpx.Client, path: str, file: bytes, **given: Any) -> dict[str, Any]:
    submitted = client.post(path, files={"file": file} | given.pop("files", {}), **given)
    assert submitted.status_code == 202, submitted.text
    found: dict[str, Any] = ended(client, submitted.headers["Location"])
    return found


def channels(client: httpx.Client, file: bytes, path: str = VOICE_ACTIVITY, **given: Any) -> list[dict[str, Any]]:
    found = body(client, path, file, **given)
    assert found["task"]["state"] == "done", found
    technologies()[path.rsplit("/", 1)[-1]].result.model_validate(found["result"])
    shown: list[dict[str, Any]] = found["result"]["channels"]
    return shown


def test_speech_silence_speech(client: httpx.Client) -> None:
    """Segments of voice are where there is speech, none where there is silence; their sum is the net speech, which is
    that of the extraction."""
    quiet = np.zeros(2 * RATE, np.float32)
    recording = wav(np.concatenate([quiet, sentence(), quiet, sentence(), quiet]))
    (channel,) = channels(client, recording)
    times = [(segment["start_time"], segment["end_time"]) for segment in channel["segments"]]
    assert {segment["segment_type"] for segment in channel["segments"]} == {"voice"}
    assert [time for pair in times for time in pair] == sorted(time for pair in times for time in pair)
    assert all(1.9 <= start < end < 3.95 or 5.7 <= start < end < 7.75 for start, end in times)
    assert min(end for _, end in times) < 4 < max(start for start, _ in times)
    assert channel["speech_length"] == pytest.approx(sum(end - start for start, end in times))
    assert channel["processed_audio_length"] == pytest.approx(9.6)
    (extracted,) = channels(client, recording, EXTRACTION)
    assert channel["speech_length"] == extracted["speech_length"]
    (second,) = channels(client, recording, params={"range_from": 5.0, "range_to": 8})
    np.testing.assert_allclose(
        [(segment["start_time"], segment["end_time"]) for segment in second["segments"]],
        [pair for pair in times if pair[0] > 5],
        atol=0.2,
    )


def test_channels(client: httpx.Client) -> None:
    """Channels are split, chosen and mixed as for the extraction, by the query or by the config."""
    call = (RECORDINGS / "call.flac").read_bytes()
    left, right = channels(client, call)
    assert [left["channel_number"], right["channel_number"]] == [0, 1]
    assert channels(client, call, params={"channels": "1"}) == [right]
    (mix,) = channels(client, call, params={"channel_mode": "mix"})
    assert mix["channel_number"] == 0
    config = {"config": (None, '{"channel_mode": "mix", "range_from": 0, "max_speech_length": 1, "unknown": 1}')}
    assert channels(client, call, files=config) == [mix]


@pytest.mark.parametrize(("seconds", "spoken"), [(0.79, False), (0.81, True)])
def test_the_least_audio(client: httpx.Client, seconds: float, spoken: bool) -> None:
    """Less than 0.8 s of audio has no segments and is no error."""
    (channel,) = channels(client, wav(sentence()[: round(seconds * RATE)]))
    assert bool(channel["segments"]) == bool(channel["speech_length"]) == spoken


def test_silence(client: httpx.Client) -> None:
    """Silence has no segments."""
    (channel,) = channels(client, wav(np.zeros(RATE, np.float32)))
    assert channel == {"channel_number": 0, "speech_length": 0, "processed_audio_length": 1.0, "segments": []}


def test_what_is_no_recording(client: httpx.Client) -> None:
    """What cannot be decoded, and a range behind the end, end the task as rejected with the file as the place."""
    demo = (RECORDINGS / "demo.flac").read_bytes()
    for file, params in ((b"this is text, not audio", {}), (demo, {"range_from": 60})):
        found = body(client, VOICE_ACTIVITY, file, params=params)
        assert found["task"]["state"] == "rejected"
        assert found["error"]["type"] == "task.validation-error"
        assert found["error"]["detail"][0]["location"] == ["body", "file"]


@pytest.mark.parametrize(
    "query", [{"range_from": 2, "range_to": 1}, {"range_from": -1}, {"channel_mode": "both"}, {"channels": "0, 1"}]
)
def test_parts_that_are_none(client: httpx.Client, query: dict[str, Any]) -> None:
    """Parameters that mean nothing are a 422."""
    answer = client.post(VOICE_ACTIVITY, files={"file": b"x"}, params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, "request.validation-error")
