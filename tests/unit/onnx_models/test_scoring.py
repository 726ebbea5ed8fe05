"""Centring and cosine scores."""

import numpy as np

from onnx_models.scoring import centred, cosine, unit


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
