"""The front end of GE2E as Resemblyzer trained it: 40 Slaney mel bands of power, not their logarithm.

The same numbers as librosa.feature.melspectrogram(n_fft=400, hop_length=160, n_mels=40) on the whole speech, cut into
windows of equal length. Steady noise may be subtracted first, which the network never learnt to hear through.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window
from onnx_models.mel import slaney_filters
from onnx_models.noise import noise_to_subtract

name = "ge2e-mel40"

_BANDS = 40
_FRAME_SECONDS, _STEP_SECONDS = 0.025, 0.010
# Frames are always computed in groups of this many, so that the products below sum in one order however the samples
# arrive.
_GROUP = 256

Frames = npt.NDArray[np.float32]


def front_end(framing: Framing, options: Mapping[str, Any]) -> "GE2EMel":
    return GE2EMel(framing, **options)


class GE2EMel:
    """Windows of shape (frames, 40), one frame every 10 ms.

    Speech quieter than `level_dbfs` is raised to it. Its level (silence does not count) and its noise are known only
    at its end, so the frames wait until then (40 float32 a frame, 58 MB an hour), and since they are power the square
    of the gain does the raising.
    """

    def __init__(self, framing: Framing, *, level_dbfs: float, subtract_noise: bool = False) -> None:
        sample_rate = framing.sample_rate
        self._length = round(_FRAME_SECONDS * sample_rate)
        self._step = round(_STEP_SECONDS * sample_rate)
        self._window = round(framing.window_seconds / _STEP_SECONDS)
        self._hop = round(framing.hop_seconds / _STEP_SECONDS)
        self._level = 10 ** (level_dbfs / 20)
        self._subtract_noise = subtract_noise
        # Periodic, as for spectral analysis: numpy's own window is the symmetric one.
        self._taper = np.hanning(self._length + 1)[:-1].astype(np.float32)
        self._filters = slaney_filters(sample_rate, self._length, _BANDS).T.copy()
        # The first frame is centred on the first sample.
        self._samples = np.zeros(self._length // 2, np.float32)
        self._frames: deque[Frames] = deque()
        self._energy, self._count = 0.0, 0

    def push(self, samples: Samples) -> Iterable[Window]:
        self._count += len(samples)
        self._samples = np.concatenate([self._samples, samples])
        while len(self._samples) >= self._length + (_GROUP - 1) * self._step:
            self._take(_GROUP)
        return ()

    def finish(self) -> Iterable[Window]:
        self._samples = np.concatenate([self._samples, np.zeros(self._length // 2, np.float32)])
        self._take(1 + (len(self._samples) - self._length) // self._step)
        self._energy += _energy(self._samples)
        power_gain = np.float32(self._gain() ** 2)
        noise = noise_to_subtract(self._frames) if self._subtract_noise else np.float32(0)
        for window in self._windows():
            yield (np.maximum(window - noise, 0) * power_gain,)

    def _take(self, count: int) -> None:
        frames = np.lib.stride_tricks.sliding_window_view(self._samples, self._length)[:: self._step][:count]
        spectrum = np.fft.rfft(frames * self._taper)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        self._frames.append(power @ self._filters)
        self._energy += _energy(self._samples[: count * self._step])
        self._samples = self._samples[count * self._step :]

    def _gain(self) -> float:
        level = float(np.sqrt(self._energy / max(1, self._count)))
        return max(1.0, self._level / level) if level > 0 else 1.0

    def _windows(self) -> Iterator[Frames]:
        """Windows from the start on, the last one ending with the speech; frames are let go as they are passed.

        Less speech than a window is followed by silence, as in Resemblyzer. At 0.5 to 1.5 s neither repeating it nor
        giving the network a shorter window had a lower EER.
        """
        total = sum(len(block) for block in self._frames)
        if total < self._window:
            short = np.concatenate(self._frames)
            yield np.pad(short, ((0, self._window - total), (0, 0)))
            return
        starts = [*range(0, total - self._window, self._hop), total - self._window]
        held, held_from = np.empty((0, _BANDS), np.float32), 0
        for start in starts:
            while held_from + len(held) < start + self._window:
                held = np.concatenate([held[start - held_from :], self._frames.popleft()])
                held_from = start
            yield held[start - held_from : start - held_from + self._window]


def _energy(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).sum())
