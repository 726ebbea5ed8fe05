"""The front end of GE2E as Resemblyzer trained it: 40 Slaney mel bands of power, not their logarithm.

The same numbers as librosa.feature.melspectrogram(n_fft=400, hop_length=160, n_mels=40) on the whole speech, cut into
windows of equal length. Steady noise may be subtracted first, which the network never learnt to hear through.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window
from onnx_models.frames import FRAME_SECONDS, STEP_SECONDS, Framer, frames_in
from onnx_models.mel import MelPower, slaney_filters
from onnx_models.noise import noise_to_subtract
from onnx_models.windows import Windows

name = "ge2e-mel40"

_BANDS = 40

Frames = npt.NDArray[np.float32]


def front_end(framing: Framing, options: Mapping[str, Any]) -> "GE2EMel":
    """Options: `level_dbfs`, to which speech is brought (left as it is), and `subtract_noise` (false)."""
    return GE2EMel(framing, **options)


class GE2EMel:
    """Windows of shape (frames, 40), one frame every 10 ms.

    The level of the speech (silence does not count) and its noise are known only at its end, so the frames wait until
    then (40 float32 a frame, 58 MB an hour), and since they are power the square of the gain changes the level.
    """

    def __init__(self, framing: Framing, *, level_dbfs: float | None = None, subtract_noise: bool = False) -> None:
        rate = framing.sample_rate
        length, self._step = round(FRAME_SECONDS * rate), round(STEP_SECONDS * rate)
        # The first frame is centred on the first sample.
        self._framer = Framer(length, self._step, before=length // 2, after=length // 2)
        # Periodic, as for spectral analysis: numpy's own window is the symmetric one.
        self._power = MelPower(np.hanning(length + 1)[:-1], slaney_filters(rate, length, _BANDS))
        self._window, self._hop = frames_in(framing.window_seconds), frames_in(framing.hop_seconds)
        self._level = None if level_dbfs is None else 10 ** (level_dbfs / 20)
        self._subtract_noise = subtract_noise
        self._frames: list[Frames] = []
        self._ending = np.empty(0, np.float32)
        self._energy, self._count = 0.0, 0

    def push(self, samples: Samples) -> Iterable[Window]:
        self._count += len(samples)
        for frames in self._framer.push(samples):
            self._take(frames)
        return ()

    def finish(self) -> Iterable[Window]:
        for frames in self._framer.finish():
            self._take(frames)
        if not self._frames:
            return
        self._energy += _energy(self._ending)
        gain = self._power_gain()
        noise = noise_to_subtract(self._frames) if self._subtract_noise else np.zeros(_BANDS, np.float32)
        windows = Windows(self._window, self._hop)
        # Frames are let go as they are passed.
        self._frames.reverse()
        while self._frames:
            frames = self._frames.pop()
            np.subtract(frames, noise, out=frames)
            np.maximum(frames, 0, out=frames)
            np.multiply(frames, gain, out=frames)
            for window in windows.push(frames):
                yield (window,)
        for window in windows.finish():
            # Less speech than a window is followed by silence, as in Resemblyzer. At 0.5 to 1.5 s neither repeating it
            # nor giving the network a shorter window had a lower EER.
            yield (np.pad(window, ((0, self._window - len(window)), (0, 0))),)

    def _take(self, frames: Samples) -> None:
        self._frames.append(self._power(frames))
        # Frames overlap: the first step of each is what the one before has not seen the start of.
        self._energy += _energy(frames[:, : self._step])
        self._ending = frames[-1, self._step :]

    def _power_gain(self) -> np.float32:
        if self._level is None or not self._energy:
            return np.float32(1)
        return np.float32(self._level**2 * self._count / self._energy)


def _energy(samples: Samples) -> float:
    flat = samples.reshape(-1)
    return float(np.dot(flat, flat))
