"""Mel filter banks."""

from functools import cache

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples

# Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, 15 mel; logarithmic above, 27 mel for a factor of 6.4.
_HERTZ_PER_MEL = 200.0 / 3
_BREAK_HERTZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0
# The scale of HTK and Kaldi.
_HTK_FACTOR, _HTK_HERTZ = 1127.0, 700.0
# Frames that are transformed at once.
_ROWS = 64


@cache
def slaney_filters(
    sample_rate: int, fft_length: int, bands: int, low_hertz: float = 0.0, high_hertz: float | None = None
) -> npt.NDArray[np.float32]:
    """Triangles of equal area, shape (bands, fft_length // 2 + 1), read-only, as librosa.filters.mel makes them.

    `high_hertz` defaults to half the sample rate.
    """
    high = sample_rate / 2 if high_hertz is None else high_hertz
    edges = _mel_to_hertz(np.linspace(_hertz_to_mel(low_hertz), _hertz_to_mel(high), bands + 2))
    bins = np.fft.rfftfreq(fft_length, 1 / sample_rate)
    lower, centre, upper = edges[:-2, np.newaxis], edges[1:-1, np.newaxis], edges[2:, np.newaxis]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return _frozen(triangles * (2.0 / (upper - lower)))


@cache
def kaldi_filters(
    sample_rate: int, fft_length: int, bands: int, low_hertz: float = 20.0, high_hertz: float | None = None
) -> npt.NDArray[np.float32]:
    """Filters that are triangles over mel and peak at 1, shape (bands, fft_length // 2 + 1), as Kaldi makes them;
    read-only.

    Mel is 1127 ln(1 + hertz / 700), as in HTK; `high_hertz` defaults to half the sample rate. Raises ValueError where
    the bands are so narrow that one of them has no frequency of the transform.
    """
    high = sample_rate / 2 if high_hertz is None else high_hertz
    low_mel, high_mel = _HTK_FACTOR * np.log1p(np.array([low_hertz, high]) / _HTK_HERTZ)
    edges = np.linspace(low_mel, high_mel, bands + 2)
    bins = _HTK_FACTOR * np.log1p(np.fft.rfftfreq(fft_length, 1 / sample_rate) / _HTK_HERTZ)
    width = edges[1] - edges[0]
    filters = np.maximum(0.0, 1.0 - np.abs(bins - edges[1:-1, np.newaxis]) / width)
    # Kaldi has no bin at half the sample rate; rounding would give it a trace of the last band.
    filters[:, -1] = 0.0
    if not filters.any(axis=1).all():
        raise ValueError(f"{bands} mel bands are too many for a transform of {fft_length} samples at {sample_rate} Hz")
    return _frozen(filters)


def _frozen(filters: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    single = filters.astype(np.float32)
    single.flags.writeable = False
    return single


def fft_length(frame_length: int) -> int:
    """The power of two that holds a frame, as Kaldi and NeMo choose it."""
    return 1 << (frame_length - 1).bit_length()


class MelPower:
    """Power in mel bands: what `filters`, shape (bands, transform // 2 + 1), make of frames tapered by `taper`.

    The transform is in double precision, which numpy does at least as fast as single, on some processors ten times
    faster. Its buffers are small and kept: the system's fresh pages cost more than the arithmetic.
    """

    def __init__(self, taper: npt.NDArray[np.floating], filters: npt.NDArray[np.float32]) -> None:
        bins = filters.shape[1]
        self._taper = taper.astype(np.float32)
        self._filters = filters.T.copy()
        self._padded = np.zeros((_ROWS, 2 * (bins - 1)))
        self._spectrum = np.empty((_ROWS, bins), np.complex128)
        self._power = np.empty((_ROWS, bins), np.float32)

    def __call__(self, frames: Samples) -> npt.NDArray[np.float32]:
        """Shape (n, bands) for frames (n, len(taper))."""
        bands = np.empty((len(frames), self._filters.shape[1]), np.float32)
        for start in range(0, len(frames), _ROWS):
            rows = frames[start : start + _ROWS]
            self._rows(rows, bands[start : start + _ROWS])
        return bands

    def _rows(self, frames: Samples, bands: npt.NDArray[np.float32]) -> None:
        count, length = frames.shape
        padded, spectrum, power = self._padded[:count], self._spectrum[:count], self._power[:count]
        np.multiply(frames, self._taper, out=padded[:, :length])
        np.fft.rfft(padded, out=spectrum)
        parts = spectrum.view(np.float64)
        np.square(parts, out=parts)
        np.add(parts[:, 0::2], parts[:, 1::2], out=power, casting="same_kind")
        np.matmul(power, self._filters, out=bands)


def _hertz_to_mel(hertz: float) -> float:
    if hertz < _BREAK_HERTZ:
        return hertz / _HERTZ_PER_MEL
    return float(_BREAK_MEL + np.log(hertz / _BREAK_HERTZ) / _LOG_STEP)


def _mel_to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logarithmic = _BREAK_HERTZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HERTZ_PER_MEL, logarithmic)
