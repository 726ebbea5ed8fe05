"""Mel filter banks."""

import numpy as np
import pytest

from onnx_models.mel import slaney_filters


@pytest.mark.parametrize(
    ("band", "peak_bin", "peak", "area"),
    [
        (0, 2, 0.012404521, 0.024809040),
        (10, 20, 0.011879490, 0.024809042),
        (20, 44, 0.007191917, 0.025219752),
        (39, 185, 0.001724940, 0.024978757),
    ],
)
def test_filters_are_those_of_librosa(band: int, peak_bin: int, peak: float, area: float) -> None:
    """The figures are of librosa 0.11, filters.mel(sr=16000, n_fft=400, n_mels=40)."""
    filters = slaney_filters(16_000, 400, 40)
    assert filters.shape == (40, 201)
    assert filters[band].argmax() == peak_bin
    np.testing.assert_allclose([filters[band].max(), filters[band].sum()], [peak, area], rtol=1e-6)
