"""Mean and deviation of cepstra and their slopes: a baseline without a network.

S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", IEEE ASSP
1980; the slopes are S. Furui's regression over nine frames, 1986. The same numbers as librosa's feature.mfcc of its
40 Slaney bands in dB, and feature.delta.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window
from onnx_models.frames import FRAME_SECONDS, STEP_SECONDS, Framer, minimum_samples
from onnx_models.mel import MelPower, fft_length, slaney_filters

name = "mfcc-stats"

_BANDS, _CEPSTRA = 40, 20
_FLOOR = np.float32(1e-10)
# A slope is fitted to so many frames on either side.
_REACH = 4

Rows = npt.NDArray[np.float64]


def front_end(framing: Framing, options: Mapping[str, Any]) -> "MfccStatistics":
    """Option: `minimum_seconds` (0.1 to 1), to which shorter speech is repeated (0.5). The framing's window and hop
    mean nothing here: statistics are of all the speech.
    """
    return MfccStatistics(framing, **options)


class MfccStatistics:
    """One window of shape (80,): means of 20 cepstra and of their slopes, then deviations of both."""

    def __init__(self, framing: Framing, *, minimum_seconds: float = 0.5) -> None:
        rate = framing.sample_rate
        length, step = round(FRAME_SECONDS * rate), round(STEP_SECONDS * rate)
        minimum = minimum_samples(minimum_seconds, rate)
        if minimum < 2 * _REACH * step:
            raise ValueError(f"minimum_seconds must be at least 0.08 for slopes, not {minimum_seconds}")
        transform = fft_length(length)
        self._framer = Framer(length, step, before=length // 2, after=length // 2, minimum=minimum)
        taper = np.hanning(length + 1)[:-1]
        self._power = MelPower(taper, slaney_filters(rate, transform, _BANDS))
        self._cosines = _cosine_transform().T
        self._recent = np.empty((0, _CEPSTRA))
        self._first_slope = self._last_slope = np.zeros(_CEPSTRA)
        self._cepstra, self._slopes = _Moments(), _Moments()

    def push(self, samples: Samples) -> Iterable[Window]:
        for frames in self._framer.push(samples):
            self._take(frames)
        return ()

    def finish(self) -> Iterable[Window]:
        for frames in self._framer.finish():
            self._take(frames)
        if self._slopes.count:
            # The lines fitted to the first and the last nine frames go on to the edges.
            for slope in (self._first_slope, self._last_slope):
                self._slopes.add(np.tile(slope, (_REACH, 1)))
            means, deviations = zip(self._cepstra.result(), self._slopes.result(), strict=True)
            yield (np.concatenate([*means, *deviations]).astype(np.float32),)

    def _take(self, frames: Samples) -> None:
        decibels = 10 * np.log10(np.maximum(self._power(frames), _FLOOR), dtype=np.float64)
        cepstra = decibels @ self._cosines
        self._cepstra.add(cepstra)
        joined = np.concatenate([self._recent, cepstra])
        self._recent = joined[-2 * _REACH :]
        count = len(joined) - 2 * _REACH
        if count > 0:
            slopes = np.zeros((count, _CEPSTRA))
            for distance in range(1, _REACH + 1):
                later, earlier = _REACH + distance, _REACH - distance
                slopes += distance * (joined[later : later + count] - joined[earlier : earlier + count])
            slopes /= 2 * sum(distance**2 for distance in range(1, _REACH + 1))
            if not self._slopes.count:
                self._first_slope = slopes[0]
            self._last_slope = slopes[-1]
            self._slopes.add(slopes)


class _Moments:
    """Sums from which means and deviations follow, so that no frame need be kept."""

    def __init__(self) -> None:
        self.count = 0
        self._sum, self._squares = np.zeros(_CEPSTRA), np.zeros(_CEPSTRA)

    def add(self, rows: Rows) -> None:
        self.count += len(rows)
        self._sum += rows.sum(axis=0)
        self._squares += np.square(rows).sum(axis=0)

    def result(self) -> tuple[Rows, Rows]:
        mean = self._sum / self.count
        return mean, np.sqrt(np.maximum(self._squares / self.count - np.square(mean), 0.0))


def _cosine_transform() -> Rows:
    """The first rows of the orthonormal DCT-II over the bands, shape (20, 40)."""
    row, band = np.arange(_CEPSTRA)[:, np.newaxis], np.arange(_BANDS)
    cosines: Rows = np.sqrt(2 / _BANDS) * np.cos(np.pi * row * (2 * band + 1) / (2 * _BANDS))
    cosines[0] /= np.sqrt(2)
    return cosines
