"""Quality of recordings, measured as they are extracted."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from onnx_models.extractor import Extractor
from schemas.quality import DEFAULT_THRESHOLDS, Quality, judged, unpack

RATE = 16_000


@pytest.mark.parametrize(
    ("name", "band"),
    [
        *[(name, "wide") for name in ("demo.flac", "answer.flac", "mpeg.mp3", "opus.opus", "vorbis.ogg")],
        *[(name, "telephone") for name in ("call.flac", "gsm-8k.wav", "ulaw-8k.wav")],
    ],
)
def test_clean_recordings_are_good(extractor: Extractor, recordings: Path, name: str, band: str) -> None:
    """The shipped recordings are clean in every encoding, and those of 8 kHz are named a telephone's."""
    for voiceprint in extractor.extract(recordings / name):
        found = unpack(voiceprint.quality)
        assert found is not None
        assert judged(found, voiceprint.speech_length, DEFAULT_THRESHOLDS).reasons == []
        assert found.band == band


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_resampled_telephone_recordings(extractor: Extractor, recordings: Path, tmp_path: Path, rate: int) -> None:
    """A mu-law recording that was brought to a higher sample rate is still a telephone's."""
    samples, native = soundfile.read(recordings / "ulaw-8k.wav")
    soundfile.write(tmp_path / "resampled.wav", soxr.resample(samples, native, rate), rate, subtype="PCM_16")
    (voiceprint,) = extractor.extract(tmp_path / "resampled.wav")
    found = unpack(voiceprint.quality)
    assert found is not None
    assert found.band == "telephone"


@pytest.mark.parametrize(
    ("decibels", "verdict"), [(30, "good"), (20, "good"), (12.5, "usable"), (5, "poor"), (0, "poor")]
)
def test_noisy_recordings(
    extractor: Extractor, recordings: Path, tmp_path: Path, decibels: float, verdict: str
) -> None:
    """White noise over a recording is told to 2.5 dB, and decides the verdict."""
    samples, _ = soundfile.read(recordings / "demo.flac")
    (clean,) = extractor.extract(recordings / "demo.flac")
    level = unpack(clean.quality).level  # type: ignore[union-attr]
    noise = np.random.default_rng(4).standard_normal(len(samples)) * 10 ** ((level - decibels) / 20)  # type: ignore[operator]
    soundfile.write(tmp_path / "noisy.wav", samples + noise, RATE, subtype="FLOAT")
    (voiceprint,) = extractor.extract(tmp_path / "noisy.wav")
    found = unpack(voiceprint.quality)
    assert found is not None
    assert found.snr == pytest.approx(decibels, abs=2.5)
    assert judged(found, voiceprint.speech_length, DEFAULT_THRESHOLDS).verdict == verdict


def test_each_channel_has_its_own_quality(extractor: Extractor, recordings: Path, tmp_path: Path) -> None:
    """A clipped channel beside a clean one is told apart, and the mix counts both."""
    samples, _ = soundfile.read(recordings / "demo.flac", dtype="float32")
    clipped = np.clip(samples / np.quantile(np.abs(samples), 0.98), -1, 1)
    soundfile.write(tmp_path / "two.wav", np.stack([clipped, samples], axis=1), RATE, subtype="FLOAT")
    left, right = (unpack(voiceprint.quality) for voiceprint in extractor.extract(tmp_path / "two.wav"))
    (mix,) = extractor.extract(tmp_path / "two.wav", channel_mode="mix")
    shares = [quality.clipping for quality in (left, right, unpack(mix.quality)) if quality is not None]
    assert shares == pytest.approx([0.02, 0.0, 0.01], abs=0.004)


def test_an_extraction_without_speech_measures_nothing(extractor: Extractor, tmp_path: Path) -> None:
    """The container of a silent recording says that quality was looked for, and holds no figure."""
    soundfile.write(tmp_path / "silence.wav", np.zeros(3 * RATE), RATE)
    (voiceprint,) = extractor.extract(tmp_path / "silence.wav")
    assert unpack(voiceprint.quality) == Quality()


def test_the_end_of_listening_and_ranges_hold_for_quality(
    extractor: Extractor, recordings: Path, tmp_path: Path
) -> None:
    """What lies after the speech that was asked for, or outside the range, has no say."""
    samples, _ = soundfile.read(recordings / "demo.flac", dtype="float32")
    loud = np.clip(20 * samples, -1, 1)
    soundfile.write(tmp_path / "both.wav", np.concatenate([samples, loud]), RATE, subtype="FLOAT")
    (alone,) = extractor.extract(recordings / "demo.flac")
    (first,) = extractor.extract(tmp_path / "both.wav", range_to=len(samples) / RATE)
    assert unpack(first.quality) == unpack(alone.quality)
    (capped,) = extractor.extract(tmp_path / "both.wav", max_speech_length=3.0)
    found = unpack(capped.quality)
    assert found is not None
    assert found.clipping == 0
