"""Mel filter banks."""

import numpy as np
import numpy.typing as npt

# Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, 15 mel; logarithmic above, 27 mel for a factor of 6.4.
_HERTZ_PER_MEL = 200.0 / 3
_BREAK_HERTZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0


def slaney_filters(
    sample_rate: int, fft_length: int, bands: int, low_hertz: float = 0.0, high_hertz: float | None = None
) -> npt.NDArray[np.float32]:
    """Triangular filters of equal area, shape (bands, fft_length // 2 + 1), as librosa.filters.mel makes them.

    `high_hertz` defaults to half the sample rate.
    """
    high = sample_rate / 2 if high_hertz is None else high_hertz
    edges = _mel_to_hertz(np.linspace(_hertz_to_mel(low_hertz), _hertz_to_mel(high), bands + 2))
    bins = np.fft.rfftfreq(fft_length, 1 / sample_rate)
    lower, centre, upper = edges[:-2, np.newaxis], edges[1:-1, np.newaxis], edges[2:, np.newaxis]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (upper - lower))).astype(np.float32)


def _hertz_to_mel(hertz: float) -> float:
    if hertz < _BREAK_HERTZ:
        return hertz / _HERTZ_PER_MEL
    return float(_BREAK_MEL + np.log(hertz / _BREAK_HERTZ) / _LOG_STEP)


def _mel_to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logarithmic = _BREAK_HERTZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HERTZ_PER_MEL, logarithmic)
