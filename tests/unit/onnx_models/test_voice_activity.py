"""Where the channels of recordings have speech."""

import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from onnx_models.blocks import Samples
from onnx_models.extractor import Extractor
from onnx_models.media import MediaLimits
from onnx_models.passage import Stopped
from onnx_models.speech import RATE
from onnx_models.voice_activity import Activity, VoiceActivity
from schemas.errors import ChannelMissing, ConfigurationError, MediaOutOfRange, MediaUnknown

FRAME_SECONDS = 0.032


@pytest.fixture(scope="module")
def activity(models_dir: Path) -> VoiceActivity:
    return VoiceActivity.open(models_dir=models_dir)


@pytest.fixture(scope="module")
def demo(recordings: Path) -> Samples:
    samples, _ = soundfile.read(recordings / "demo.flac", dtype="float32")
    return np.asarray(samples, np.float32)


@pytest.fixture(scope="module")
def spoken_twice(demo: Samples) -> Samples:
    """2 s of silence, a sentence, 3 s of silence, the sentence again, 1 s of silence; its speech is 2.2 s long."""
    sentence = demo[: round(2.2 * RATE)]
    quiet = np.zeros(RATE, np.float32)
    return np.concatenate([quiet, quiet, sentence, quiet, quiet, quiet, sentence, quiet])


def written(folder: Path, samples: Samples, rate: int = RATE) -> Path:
    path = folder / "made.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def check(found: Activity, start: float, end: float) -> None:
    """Segments are in order, apart, within `start` to `end`, and as long as they are said to be."""
    times = [time for segment in found.segments for time in segment]
    assert times == sorted(set(times))
    assert all(start <= time <= end for time in times)
    assert sum(last - first for first, last in found.segments) == pytest.approx(found.speech_length, abs=1e-6)


def test_speech_silence_speech(activity: VoiceActivity, spoken_twice: Samples, tmp_path: Path) -> None:
    """Both sentences are found where they were put, nothing in the silence, and to the frame as the detector tells."""
    (found,) = activity.detect(written(tmp_path, spoken_twice))
    check(found, 1.9, 10.4)
    first = [segment for segment in found.segments if segment[0] < 5]
    second = [segment for segment in found.segments if segment[0] > 5]
    assert len(first) + len(second) == len(found.segments)
    assert first[-1][1] < 4.4
    assert second[0][0] > 7.0
    assert second[-1][1] < 9.6
    assert found.processed == 10.4
    expected = activity._detector.segments([spoken_twice])
    assert [(round(start * RATE), round(end * RATE)) for start, end in found.segments] == expected
    assert all(start % 512 == end % 512 == 0 for start, end in expected)


@pytest.mark.parametrize("name", ["demo.flac", "call.flac", "ulaw-8k.wav", "mpeg.mp3"])
@pytest.mark.parametrize("parameters", [{}, {"channel_mode": "mix"}, {"range_from": 0.7}, {"range_to": 2.3}])
def test_it_agrees_with_the_extraction(
    activity: VoiceActivity, extractor: Extractor, recordings: Path, name: str, parameters: dict[str, Any]
) -> None:
    """The net speech of every channel is, to the sample, what the extraction counts."""
    listened: list[float] = []
    voiceprints = extractor.extract(recordings / name, listened=listened.append, **parameters)
    found = activity.detect(recordings / name, **parameters)
    assert [(one.channel_number, one.speech_length) for one in found] == [
        (one.channel_number, one.speech_length) for one in voiceprints
    ]
    assert [one.processed for one in found] == listened
    for one in found:
        start = parameters.get("range_from", 0.0)
        check(one, start, start + one.processed)


@pytest.mark.parametrize(("start", "end"), [(0.0, 3.1), (1.7, None), (2.5, 9.0), (2.00001, 8.12345), (3.3, 60.0)])
def test_times_of_a_range(
    activity: VoiceActivity, spoken_twice: Samples, tmp_path: Path, start: float, end: float | None
) -> None:
    """A range has the segments of a file that holds just that, told from the beginning of the whole recording."""
    (found,) = activity.detect(written(tmp_path, spoken_twice), range_from=start, range_to=end)
    length = len(spoken_twice) / RATE
    check(found, start, min(length, end or length))
    part = spoken_twice[round(start * RATE) : None if end is None else round(end * RATE)]
    (alone,) = activity.detect(written(tmp_path, part))
    assert alone.segments
    np.testing.assert_allclose(found.segments, np.array(alone.segments) + start, atol=1 / RATE)
    assert found.processed == alone.processed == len(part) / RATE


def test_speech_to_the_last_sample(activity: VoiceActivity, demo: Samples, tmp_path: Path) -> None:
    """Speech that goes on when the recording ends, or the range, ends with it and not with a whole frame."""
    for samples in (16_011, 20_001):
        path = written(tmp_path, demo[:samples])
        (found,) = activity.detect(path)
        assert found.segments[-1][1] == round(samples / RATE, 7)
    (ranged,) = activity.detect(path, range_to=1.23456789)
    assert ranged.segments[-1][1] <= 1.23456789
    assert ranged.segments[-1][1] == pytest.approx(1.23456789, abs=1 / RATE)


@pytest.mark.parametrize("rate", [8000, RATE, 44_100])
@pytest.mark.parametrize("seconds", [0.79, 0.8, 0.81])
def test_the_least_audio(activity: VoiceActivity, demo: Samples, tmp_path: Path, seconds: float, rate: int) -> None:
    """Less than 0.8 s that is listened to has no segments, be it the recording or the range."""
    spoken = seconds >= 0.8
    signal = soxr.resample(demo, RATE, rate, quality="HQ").astype(np.float32)
    (found,) = activity.detect(written(tmp_path, signal[: round(seconds * rate)], rate))
    assert (bool(found.segments), found.speech_length > 0.4) == (spoken, spoken)
    assert found.processed == pytest.approx(seconds)
    (ranged,) = activity.detect(written(tmp_path, signal, rate), range_from=0.5, range_to=0.5 + seconds)
    assert bool(ranged.segments) == bool(ranged.speech_length) == spoken


@pytest.mark.parametrize("length", [0.0, 0.05, 3.0])
def test_silence_has_no_segments(activity: VoiceActivity, tmp_path: Path, length: float) -> None:
    """Silence, and no audio at all, are no error."""
    (found,) = activity.detect(written(tmp_path, np.zeros(round(length * RATE), np.float32)))
    assert found == Activity(0, 0, length, ())


def test_channels(activity: VoiceActivity, recordings: Path) -> None:
    """Every channel has segments of its own, only those that are chosen are told, and a mix is one channel, 0, that has
    the speech of both."""
    left, right = activity.detect(recordings / "call.flac")
    assert (left.channel_number, right.channel_number) == (0, 1)
    assert left.segments != right.segments
    assert activity.detect(recordings / "call.flac", channels=[1]) == [right]
    (mix,) = activity.detect(recordings / "call.flac", channel_mode="mix")
    assert mix.channel_number == 0
    assert mix.speech_length > max(left.speech_length, right.speech_length)
    assert activity.detect(recordings / "call.flac", channel_mode="mix", channels=[1])[0].segments == right.segments


def test_refusals(activity: VoiceActivity, models_dir: Path, recordings: Path, tmp_path: Path) -> None:
    """What the extraction refuses is refused here in the same words."""
    demo = recordings / "demo.flac"
    with pytest.raises(MediaUnknown, match="text"):
        activity.detect(recordings / "make.py")
    with pytest.raises(ChannelMissing):
        activity.detect(demo, channels=[7])
    with pytest.raises(MediaOutOfRange, match=r"starts at 60 s, and the recording ends at 5\."):
        activity.detect(demo, range_from=60.0)
    with pytest.raises(MediaOutOfRange):
        VoiceActivity.open(models_dir=models_dir, limits=MediaLimits(max_audio_length=2.0)).detect(demo)
    with pytest.raises(Stopped):
        activity.detect(demo, stop=lambda: True)
    with pytest.raises(ConfigurationError, match="voiceprint models install silero-vad"):
        VoiceActivity.open(models_dir=tmp_path)


def test_long_recording_in_bounded_memory(activity: VoiceActivity, recordings: Path, tmp_path: Path) -> None:
    """Ten minutes in two channels never take a quarter of the memory of one channel's samples."""
    samples, rate = soundfile.read(recordings / "call.flac", dtype="int16")
    with soundfile.SoundFile(tmp_path / "long.wav", "w", rate, 2) as long:
        for _ in range(68):
            long.write(samples)
    tracemalloc.start()
    try:
        found = activity.detect(tmp_path / "long.wav")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for one in found:
        check(one, 0.0, one.processed)
        assert all(later[0] - earlier[1] > FRAME_SECONDS / 2 for earlier, later in pairwise(one.segments))
    assert peak < 4 * RATE * found[0].processed / 4
