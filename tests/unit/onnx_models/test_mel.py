"""Mel filter banks."""

import librosa
import numpy as np
import pytest

from onnx_models.mel import MelPower, fft_length, kaldi_filters, slaney_filters


@pytest.mark.parametrize(
    ("rate", "transform", "bands", "low", "high"),
    [
        (16_000, 400, 40, 0, None),
        (16_000, 512, 80, 0, None),
        (48_000, 1024, 64, 50, 14_000),
        (32_000, 1024, 64, 50, None),
    ],
)
def test_filters_are_those_of_librosa(rate: int, transform: int, bands: int, low: float, high: float | None) -> None:
    """Every weight is that of librosa.filters.mel, to a millionth of the largest."""
    ours = slaney_filters(rate, transform, bands, low, high)
    theirs = librosa.filters.mel(sr=rate, n_fft=transform, n_mels=bands, fmin=low, fmax=high)
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * theirs.max())


def test_filters_of_kaldi() -> None:
    """Neighbouring triangles sum to one between the first and the last peak, and the last frequency has no weight.

    That they are Kaldi's is shown by its filter bank's test.
    """
    filters = kaldi_filters(16_000, 512, 80)
    assert filters.shape == (80, 257)
    peaks = filters.argmax(axis=1)
    np.testing.assert_allclose(filters.sum(axis=0)[peaks[0] + 1 : peaks[-1]], 1, atol=1e-6)
    assert not filters[:, [0, -1]].any()


def test_too_many_bands() -> None:
    """Bands so narrow that one has no frequency are refused, as in Kaldi."""
    with pytest.raises(ValueError, match="80 mel bands are too many for a transform of 256 samples at 16000 Hz"):
        kaldi_filters(16_000, 256, 80)


def test_filters_are_shared() -> None:
    """Filters are made once, and nobody can alter those of others."""
    filters = slaney_filters(16_000, 512, 80)
    assert slaney_filters(16_000, 512, 80) is filters
    with pytest.raises(ValueError, match="read-only"):
        filters[0, 0] = 1


@pytest.mark.parametrize(("length", "power"), [(400, 512), (512, 512), (513, 1024), (800, 1024), (1200, 2048)])
def test_transform_holds_a_frame(length: int, power: int) -> None:
    """The transform is the next power of two."""
    assert fft_length(length) == power


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_power(count: int) -> None:
    """However many frames come at once, the bands are those of the definition in double precision, to 1e-6."""
    frames = np.random.default_rng(2).normal(0, 1, (count, 400)).astype(np.float32)
    taper, filters = np.hanning(400), slaney_filters(16_000, 512, 80)
    expected = np.square(np.abs(np.fft.rfft(frames * taper, n=512))) @ filters.T.astype(np.float64)
    bands = MelPower(taper, filters)(frames)
    assert bands.dtype == np.float32
    np.testing.assert_allclose(bands, expected, rtol=5e-6)
