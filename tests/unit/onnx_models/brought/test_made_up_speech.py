"""The voice that nobody has."""

from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.brought.made_up_speech import made_up_speech
from onnx_models.session import open_session
from onnx_models.speech import SpeechDetector


@pytest.mark.parametrize("pitch", [110.0, 160.0, 210.0])
def test_it_is_taken_for_speech(pitch: float, models_dir: Path) -> None:
    """The voice activity detector hears speech in nearly all of it."""
    path = registry.verify(registry.card(registry.VOICE_ACTIVITY_MODEL), models_dir)
    speech = made_up_speech(pitch, 5.0, 16_000)
    segments = SpeechDetector(open_session(path, "cpu"), 16_000).segments([speech])
    assert sum(end - start for start, end in segments) > 0.9 * len(speech)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 48_000])
def test_it_is_the_same_every_time(sample_rate: int) -> None:
    """Finite float32 within bounds, as long as asked for, and always the same."""
    speech = made_up_speech(120.0, 0.5, sample_rate)
    assert (speech.dtype, speech.shape) == (np.float32, (sample_rate // 2,))
    assert 0.1 < np.abs(speech).max() < 0.3
    np.testing.assert_array_equal(speech, made_up_speech(120.0, 0.5, sample_rate))
