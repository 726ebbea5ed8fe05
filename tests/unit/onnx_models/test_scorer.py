"""Scores of stored vectors under profiles."""

from pathlib import Path

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.calibration import Calibration
from onnx_models.extractor import Extractor
from onnx_models.profiles import Profile
from onnx_models.scorer import Scorer
from onnx_models.scoring import Vectors, centred, recovered, unit
from schemas.errors import ConfigurationError

CALIBRATION = Calibration(
    slope=12.0, offset=-4.0, short_offset=3.0, both_short_offset=-1.0, short_slope=-5.0, long_speech=9.0
)
GENERATOR = np.random.default_rng(1)
OWN_MEAN = GENERATOR.normal(0, 0.2, 8).astype(np.float32)
OTHER_MEAN = GENERATOR.normal(0, 0.2, 8).astype(np.float32)
RAW = GENERATOR.normal(size=(6, 8)).astype(np.float32)
SPEECH = np.array([1.0, 2.0, 4.0, 8.0, 16.0, np.nan])


def profile(mean: Vectors, cohort: Vectors | None = None, calibration: Calibration | None = CALIBRATION) -> Profile:
    return Profile("some", "space-1", mean, calibration, "2026-01-02", cohort)


@pytest.mark.parametrize("unit_length", [True, False])
def test_another_profile_is_another_extraction(unit_length: bool) -> None:
    """Stored vectors score under a profile's mean as vectors that were extracted with that mean do."""
    stored, anew = centred(RAW, OWN_MEAN, unit_length), centred(RAW, OTHER_MEAN, unit_length)
    under = Scorer(OWN_MEAN, unit_length, profile(OTHER_MEAN)).llr(stored, SPEECH, stored[:2], SPEECH[:2])
    extracted = Scorer(OTHER_MEAN, unit_length, profile(OTHER_MEAN)).llr(anew, SPEECH, anew[:2], SPEECH[:2])
    np.testing.assert_allclose(under, extracted, atol=1e-4)


def test_own_profile_is_the_cosine() -> None:
    """Under the model's own mean a ratio is the calibrated cosine of the vectors as they are."""
    stored = centred(RAW, OWN_MEAN)
    found = Scorer(OWN_MEAN, True, profile(OWN_MEAN)).llr(stored, SPEECH, stored, SPEECH)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, CALIBRATION.llr(stored @ stored.T, SPEECH, SPEECH), atol=1e-4)


def test_a_cohort_takes_off_what_a_side_scores_with_anybody() -> None:
    """Normalised scores are symmetric, and a voice like all of the cohort scores lower than one like none."""
    cohort = GENERATOR.normal(size=(50, 8)).astype(np.float32)
    scorer = Scorer(OWN_MEAN, True, profile(OWN_MEAN, cohort))
    stored = centred(RAW, OWN_MEAN)
    scores = scorer.score(stored, stored)
    np.testing.assert_allclose(scores, scores.T, atol=1e-6)
    assert not np.allclose(scores, Scorer(OWN_MEAN, True, profile(OWN_MEAN)).score(stored, stored))


def test_no_speech_is_no_evidence() -> None:
    """A voiceprint without speech scores 0 with everything, itself included, under any mean."""
    stored = centred(RAW, OWN_MEAN)
    stored[1] = 0
    for mean in (OWN_MEAN, OTHER_MEAN):
        found = Scorer(OWN_MEAN, True, profile(mean)).llr(stored, None, stored, None)
        assert not found[1].any()
        assert not found[:, 1].any()
        assert found[0, 0] != 0


def test_what_cannot_be_scored_is_refused() -> None:
    """A profile of another dimension, or without a calibration, is refused by its name."""
    with pytest.raises(ConfigurationError, match="'some'"):
        Scorer(OWN_MEAN[:4], True, profile(OWN_MEAN))
    with pytest.raises(ConfigurationError, match="not shorter than 1"):
        Scorer(OWN_MEAN * 10, True, profile(OTHER_MEAN))
    with pytest.raises(ConfigurationError, match="voiceprint calibrate"):
        Scorer(OWN_MEAN, True, profile(OWN_MEAN, calibration=None)).llr(RAW, None, RAW, None)


def test_recovery_equals_an_extraction_without_centring(
    extractor: Extractor, models_dir: Path, recordings: Path
) -> None:
    """Vectors recovered from what the default model stores are those of an extraction with a mean of zeros, to 1e-5;
    and scores under another mean those of an extraction with that mean."""
    paths = [recordings / name for name in ("demo.flac", "answer.flac", "call.flac")]
    own = registry.load_mean(extractor.card)
    stored = np.stack([extractor.extract(path)[0].vector for path in paths])
    without = Extractor.open(models_dir=models_dir, device="cpu", mean=np.zeros_like(own))
    raw = np.stack([without.extract(path)[0].vector for path in paths])
    np.testing.assert_allclose(recovered(stored, own), raw, atol=1e-5)

    other = (0.8 * unit(raw[0]) * np.linalg.norm(own)).astype(np.float32)
    under = Extractor.open(models_dir=models_dir, device="cpu", mean=other)
    anew = np.stack([under.extract(path)[0].vector for path in paths])
    speech = np.array([3.0, 3.0, 3.0])
    np.testing.assert_allclose(
        Scorer(own, True, profile(other)).llr(stored, speech, stored, speech),
        Scorer(other, True, profile(other)).llr(anew, speech, anew, speech),
        atol=1e-3,
    )
