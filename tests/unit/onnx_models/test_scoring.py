"""Centring and cosine scores."""

import numpy as np
import pytest

from onnx_models.scoring import centred, cosine, recovered, unit


def test_centred_is_the_direction_from_the_mean() -> None:
    """The vector's length does not count before, and is 1 after, the mean was taken off."""
    vector = centred(np.array([0.0, 5.0], np.float32), np.array([1.0, 0.0], np.float32))
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [-(0.5**0.5), 0.5**0.5], rtol=1e-6)


def test_zeros_stay_zeros() -> None:
    """A vector of zeros has no direction and becomes no NaN."""
    assert not unit(np.zeros((2, 4))).any()


def test_cosine_scores_every_pair() -> None:
    """Rows are scored against columns, and never leave [-1, 1]."""
    vectors = unit(np.random.default_rng(0).normal(size=(5, 8))).astype(np.float32)
    scores = cosine(vectors, vectors[:3])
    assert scores.shape == (5, 3)
    np.testing.assert_allclose(np.diag(scores), 1, atol=1e-6)
    assert np.abs(scores).max() <= 1


def test_recovered_is_the_raw_embedding() -> None:
    """What was centred comes back to 1e-6: unit vectors of a model of unit length, any vector of another."""
    generator = np.random.default_rng(1)
    raw = generator.normal(size=(50, 8)).astype(np.float32)
    mean = generator.normal(0, 0.2, 8).astype(np.float32)
    np.testing.assert_allclose(recovered(centred(raw, mean), mean), unit(raw), atol=1e-6)
    np.testing.assert_allclose(recovered(centred(raw, mean, False), mean, False), raw, atol=1e-6)


def test_recovered_leaves_no_speech_alone() -> None:
    """A vector of zeros stands for no speech and stays one."""
    mean = np.full(4, 0.3, np.float32)
    assert not recovered(np.zeros((2, 4), np.float32), mean).any()
    assert not recovered(np.zeros((2, 4), np.float32), mean, False).any()


def test_recovered_needs_a_mean_within_the_sphere() -> None:
    """From a mean outside of the unit sphere a ray may meet it twice, or never."""
    with pytest.raises(ValueError, match="shorter"):
        recovered(np.eye(2, dtype=np.float32), np.array([1.0, 0.5], np.float32))
