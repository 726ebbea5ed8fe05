"""Log-likelihood ratios of voices, each with each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from appliance.voices.reading import Voice
from onnx_models import profiles, registry
from onnx_models.registry import SpeakerCard
from onnx_models.scorer import Scorer

Scores = npt.NDArray[np.float32]


def scores(a: Sequence[Voice], b: Sequence[Voice], card: SpeakerCard, profile: str | None, models_dir: Path) -> Scores:
    """Ratios of shape (len(a), len(b)), by the calibration of `profile`, or of the model itself.

    Raises ConfigurationError for a profile that there is not, or that has no calibration.
    """
    found = profiles.find_profile(profile or profiles.DEFAULT_PROFILE, card, models_dir)
    scorer = Scorer(registry.load_mean(card), card.unit_length, found)
    return scorer.llr(vectors(a), _speech(a), vectors(b), _speech(b))


def vectors(voices: Sequence[Voice]) -> npt.NDArray[np.float32]:
    """Shape (len(voices), dimension)."""
    return np.stack([voice.voiceprint.vector for voice in voices])


def _speech(voices: Sequence[Voice]) -> npt.NDArray[np.float64]:
    return np.array([voice.voiceprint.speech_length for voice in voices])
