"""Voice activity."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from onnx_models import registry
from onnx_models.session import open_session
from onnx_models.speech import FRAME, Segmenter, SpeechDetector
from schemas.errors import ConfigurationError

RATE = 16_000
Samples = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def detector(models_dir: Path) -> SpeechDetector:
    return SpeechDetector(open_session(registry.card("silero-vad").path(models_dir), "cpu"))


@pytest.fixture(scope="module")
def demo(recordings: Path) -> Samples:
    samples, _ = soundfile.read(recordings / "demo.flac", dtype="float32")
    return np.asarray(samples, np.float32)


def blocks_of(samples: Samples, length: int) -> Iterator[Samples]:
    for start in range(0, len(samples), length):
        yield samples[start : start + length]


def runs_of(probabilities: list[float], block: int = 1000) -> list[tuple[int, int]]:
    """Segments in frames, touching runs joined."""
    segmenter = Segmenter()
    runs: list[tuple[int, int]] = []
    for start in range(0, len(probabilities), block):
        runs += segmenter.push(np.array(probabilities[start : start + block], np.float32))
        frame = start + len(probabilities[start : start + block])
        assert frame - segmenter.horizon <= 14
    runs += segmenter.finish()
    joined: list[tuple[int, int]] = []
    for start, end in runs:
        first = joined.pop()[0] if joined and joined[-1][1] == start else start
        joined.append((first, end))
    return joined


SPEECH, BETWEEN, QUIET = [0.9], [0.4], [0.1]


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize(
    ("probabilities", "segments"),
    [
        (QUIET * 30, []),
        (QUIET * 5 + SPEECH * 10 + QUIET * 10, [(4, 16)]),
        (QUIET * 5 + SPEECH * 7 + QUIET * 10, []),
        (SPEECH * 8, [(0, 8)]),
        (SPEECH * 10 + QUIET * 3 + SPEECH * 10 + QUIET * 9, [(0, 24)]),
        (SPEECH * 10 + QUIET * 5 + SPEECH * 10 + QUIET * 9, [(0, 11), (14, 26)]),
        (SPEECH * 10 + BETWEEN * 20 + SPEECH * 2 + QUIET * 9, [(0, 33)]),
        (BETWEEN * 20, []),
        (SPEECH * 4 + QUIET * 3 + SPEECH * 4 + QUIET * 9, [(0, 12)]),
    ],
)
def test_hysteresis(probabilities: list[float], segments: list[tuple[int, int]], block: int) -> None:
    """Short speech is dropped, short silence bridged, a frame kept on either side; blocks change nothing."""
    assert runs_of(probabilities, block) == segments


def test_random_probabilities_in_any_blocks() -> None:
    """On any probabilities the segments are the same in any blocks, and the look-back stays bounded."""
    generator = np.random.default_rng(8)
    for _ in range(20):
        probabilities = np.repeat(generator.random(200), generator.integers(1, 8, 200)).tolist()
        whole = runs_of(probabilities)
        assert runs_of(probabilities, 1) == runs_of(probabilities, 5) == whole


def test_speech_between_silences(detector: SpeechDetector, demo: Samples) -> None:
    """Speech is found where it is, and the samples handed out are the recording's own."""
    signal = np.concatenate([np.zeros(RATE, np.float32), demo, np.zeros(2 * RATE, np.float32)])
    parts = list(detector.speech(blocks_of(signal, 5000)))
    for part in parts:
        np.testing.assert_array_equal(part.samples, signal[part.start : part.end])
    assert parts[0].start > 0.9 * RATE
    assert parts[-1].end < RATE + len(demo) + 0.2 * RATE
    assert sum(len(part.samples) for part in parts) > 0.7 * len(demo)


@pytest.mark.parametrize("length", [1, 160, FRAME, 100_000])
def test_blocks_do_not_matter(detector: SpeechDetector, demo: Samples, length: int) -> None:
    """The speech is the same samples however the recording was cut into blocks."""
    signal = demo[: 2 * RATE] if length == 1 else np.tile(demo, 5)
    ours, whole = detector.segments(blocks_of(signal, length)), detector.segments([signal])
    assert ours == whole
    assert ours


@pytest.mark.parametrize("rate", [8000, RATE])
@pytest.mark.parametrize(("block_frames", "length"), [(1, 333), (8, 3200), (512, 100_000)])
def test_samples_as_they_arrive(
    detector: SpeechDetector, demo: Samples, block_frames: int, length: int, rate: int
) -> None:
    """A listener to what is still arriving finds the same speech, whatever it is given at a time."""
    listening = detector if rate == RATE else SpeechDetector(detector._session, rate)
    signal = soxr.resample(demo, RATE, rate, quality="HQ").astype(np.float32)
    stream = listening.stream(block_frames)
    parts = [part for block in blocks_of(signal, length) for part in stream.push(block)] + stream.finish()
    expected = list(listening.speech([signal]))
    np.testing.assert_array_equal(
        np.concatenate([part.samples for part in parts]), np.concatenate([part.samples for part in expected])
    )
    assert all(part.end <= later.start for part, later in pairwise(parts))
    assert (parts[0].start, parts[-1].end) == (expected[0].start, expected[-1].end)


def test_speech_is_told_soon(detector: SpeechDetector, demo: Samples) -> None:
    """What a listener with small blocks was given is told as speech less than half a second later."""
    stream = detector.stream(block_frames=4)
    given, told = 0, []
    for block in blocks_of(np.tile(demo, 2), 800):
        given += len(block)
        told += [(part.end, given) for part in stream.push(block)]
    assert told
    assert all(at - end < 0.5 * RATE for end, at in told)


def test_a_listener_that_heard_nothing(detector: SpeechDetector) -> None:
    """A stream without a sample, and one with samples of no length, has no speech."""
    assert detector.stream().finish() == []
    stream = detector.stream(block_frames=1)
    assert stream.push(np.empty(0, np.float32)) + stream.finish() == []


@pytest.mark.parametrize("signal", [np.zeros(10 * RATE), np.zeros(0), np.zeros(100), 1e-4 * np.ones(800)])
def test_silence_has_no_speech(detector: SpeechDetector, signal: npt.NDArray[np.float64]) -> None:
    """Silence, and recordings too short for a word, have no speech and are no error."""
    assert detector.segments([signal.astype(np.float32)]) == []


def test_noise_and_tones_are_no_speech(detector: SpeechDetector, noise: Samples) -> None:
    """Noise and a tone are not taken for speech."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    assert detector.segments([noise, tone.astype(np.float32)]) == []


@pytest.mark.parametrize("rate", [8000, 32_000, 48_000])
@pytest.mark.parametrize("block", [701, 1_000_000])
def test_speech_at_other_rates(detector: SpeechDetector, demo: Samples, rate: int, block: int) -> None:
    """A model of another sample rate gets the same segments, in samples of its own, to within two frames; speech comes
    as it was in the signal.
    """
    signal = soxr.resample(demo, RATE, rate, quality="HQ").astype(np.float32)
    other = SpeechDetector(detector._session, rate)
    found = other.segments(blocks_of(signal, block))
    expected = detector.segments([demo])
    assert len(found) == len(expected)
    np.testing.assert_allclose(np.array(found) / rate, np.array(expected) / RATE, atol=2 * FRAME / RATE)
    for part in other.speech(blocks_of(signal, block)):
        np.testing.assert_array_equal(part.samples, signal[part.start : part.end])


def test_rates_without_whole_frames_are_refused(detector: SpeechDetector) -> None:
    """A rate at which a frame of the network is no whole number of samples is refused by name."""
    with pytest.raises(ConfigurationError, match="22050 Hz"):
        SpeechDetector(detector._session, 22_050)
