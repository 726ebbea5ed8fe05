"""Every technology that takes a recording listens to the part of it that was asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from schemas.errors import ChannelMissing, MediaDamaged, MediaError, MediaOutOfRange
from schemas.listening import RecordingParameters
from schemas.technologies import technologies
from tests.conftest import RECORDINGS
from tests.unit.tasks.jobs.conftest import Run

LISTENING = [
    name
    for name, declared in technologies().items()
    if issubclass(declared.parameters, RecordingParameters) and declared.missing is None
]


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """Two voices in two channels, one after the other, at the model's own sample rate: nothing is resampled, so that a
    file that holds a part of it is heard bit for bit as that part."""
    (first, rate), (second, _) = (
        soundfile.read(RECORDINGS / name, dtype="int16") for name in ("demo.flac", "answer.flac")
    )
    samples = np.zeros((len(first) + len(second), 2), np.int16)
    samples[: len(first), 0], samples[len(first) :, 1] = first, second
    soundfile.write(tmp_path / "call.flac", samples, rate)
    return tmp_path / "call.flac"


def cut(call: Path, start: float, end: float, channel: int) -> Path:
    """A file that holds just that."""
    samples, rate = soundfile.read(call, dtype="int16")
    path = call.with_name("cut.wav")
    soundfile.write(path, samples[round(start * rate) : round(end * rate), channel], rate)
    return path


def told(channel: dict[str, Any]) -> dict[str, Any]:
    """What a channel's result says of the speech in it; what it is called there, and its container, aside."""
    return {key: value for key, value in channel.items() if key not in {"channel_number", "voiceprint", "segments"}}


def test_there_are_some() -> None:
    """Four technologies listen to recordings, and later ones are tested with them."""
    assert set(LISTENING) >= {
        "speaker-identification-voiceprint-extraction",
        "gender-identification",
        "age-estimation",
        "voice-activity-detection",
    }


@pytest.mark.parametrize("name", LISTENING)
def test_a_range(run: Run, name: str, call: Path) -> None:
    """A range gives what a file gives that holds just that, in every channel."""
    shown = run(name, call, range_from=1.25, range_to=8.5, include_vector_voiceprint=True)["channels"]
    for number, channel in enumerate(shown):
        (alone,) = run(name, cut(call, 1.25, 8.5, number), include_vector_voiceprint=True)["channels"]
        assert told(channel) == told(alone)
        assert channel["channel_number"] == number
        assert channel["processed_audio_length"] == 7.25


@pytest.mark.parametrize("name", LISTENING)
def test_a_mix(run: Run, name: str, call: Path) -> None:
    """A mix is one channel, numbered 0, with the speech of all; of one channel it is that channel."""
    both = run(name, call)["channels"]
    (mix,) = run(name, call, channel_mode="mix")["channels"]
    assert mix["channel_number"] == 0
    assert mix["speech_length"] > max(channel["speech_length"] for channel in both)
    (one,) = run(name, call, channel_mode="mix", channels="1")["channels"]
    assert told(one) == told(both[1])
    assert one["channel_number"] == 0


@pytest.mark.parametrize("name", LISTENING)
def test_channels(run: Run, name: str, call: Path) -> None:
    """Only the channels that were asked for are told, under their own numbers."""
    both = run(name, call)["channels"]
    assert [channel["channel_number"] for channel in both] == [0, 1]
    assert told(run(name, call, channels="1")["channels"][0]) == told(both[1])


@pytest.mark.parametrize("name", LISTENING)
@pytest.mark.parametrize(
    ("parameters", "kind"), [({"range_from": 1000}, MediaOutOfRange), ({"channels": "2"}, ChannelMissing)]
)
def test_parts_that_are_not_there(
    run: Run, name: str, call: Path, parameters: dict[str, Any], kind: type[MediaError]
) -> None:
    """A range behind the end and a channel that is missing are refused with the recording as the place."""
    with pytest.raises(kind) as caught:
        run(name, call, **parameters)
    assert [(detail.location, detail.type) for detail in caught.value.detail] == [(("body", "file"), kind.kind)]


@pytest.mark.parametrize("name", LISTENING)
def test_what_is_damaged(run: Run, name: str, call: Path) -> None:
    """A recording that is cut off is refused with the recording as the place."""
    call.write_bytes(call.read_bytes()[:20_000])
    with pytest.raises(MediaDamaged) as caught:
        run(name, call)
    assert caught.value.detail[0].location == ("body", "file")
