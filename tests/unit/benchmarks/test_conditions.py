"""The treatments of recordings before they are compared."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.conditions import CONDITIONS, Condition, treated
from onnx_models import registry
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector

DEMO = Path(__file__).parents[2] / "recordings" / "demo.flac"
BY_NAME = {condition.name: condition for condition in CONDITIONS}


@pytest.fixture(scope="module")
def detector(models_dir: Path) -> SpeechDetector:
    card = registry.card(registry.VOICE_ACTIVITY_MODEL)
    return SpeechDetector(open_session(registry.verify(card, models_dir), "cpu"))


@pytest.mark.parametrize(
    ("name", "subtype", "sample_rate"),
    [
        ("8 kHz mu-law", "ULAW", 8000),
        ("GSM full rate", "GSM610", 8000),
        ("MP3 at 32 kbit/s", "MPEG_LAYER_III", 16_000),
        ("white noise at 10 dB", "FLOAT", 16_000),
    ],
)
def test_a_treated_recording_is_a_file_of_its_kind(
    name: str, subtype: str, sample_rate: int, detector: SpeechDetector, tmp_path: Path
) -> None:
    """A condition writes the encoding it is named after, and the recording keeps its length."""
    heard = soundfile.info(treated(DEMO, BY_NAME[name], detector, tmp_path))
    assert (heard.subtype, heard.samplerate, heard.channels) == (subtype, sample_rate, 1)
    assert heard.duration == pytest.approx(soundfile.info(DEMO).duration, abs=0.15)


def test_mp3_has_its_bit_rate(detector: SpeechDetector, tmp_path: Path) -> None:
    """The MP3 file is as large as 32 kbit/s make it."""
    heard = treated(DEMO, BY_NAME["MP3 at 32 kbit/s"], detector, tmp_path)
    assert heard.stat().st_size * 8 / soundfile.info(heard).duration == pytest.approx(32_000, rel=0.05)


@pytest.mark.parametrize("snr", [20, 5])
def test_noise_is_set_against_the_speech(snr: int, detector: SpeechDetector, tmp_path: Path) -> None:
    """The added noise is `snr` dB below the level of the speech, and the same in every run."""
    clean, _ = soundfile.read(DEMO, dtype="float32")
    (heard,) = {
        soundfile.read(treated(DEMO, BY_NAME[f"white noise at {snr} dB"], detector, tmp_path))[0].tobytes()
        for _ in range(2)
    }
    noise = np.frombuffer(heard) - clean
    speech = np.concatenate([clean[start:end] for start, end in detector.segments([clean])])
    assert 10 * np.log10(np.mean(np.square(speech)) / np.mean(np.square(noise))) == pytest.approx(snr, abs=0.1)


def test_less_speech_is_no_treatment(detector: SpeechDetector, tmp_path: Path) -> None:
    """A bound on the speech leaves the recording itself as it is."""
    assert treated(DEMO, Condition("short", speech_seconds=1), detector, tmp_path) == DEMO
