"""The log mel bands of NVIDIA NeMo, normalised per band: TitaNet, SpeakerNet.

O. Kuchaiev et al., "NeMo: a toolkit for building AI applications using neural modules", 2019; the numbers of its
AudioToMelSpectrogramPreprocessor without dither: pre-emphasis over the whole signal, centred frames with silence
around, the symmetric Hann window, mel bands of equal area, 2**-24 added before the logarithm.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window
from onnx_models.frames import FRAME_SECONDS, STEP_SECONDS, Framer, frames_in, minimum_samples
from onnx_models.mel import MelPower, fft_length, slaney_filters
from onnx_models.windows import Windows

name = "nemo-logmel80"

_BANDS = 80
_EMPHASIS = np.float32(0.97)
# Samples that are emphasised at once.
_EMPHASISED = 16_384
_GUARD = np.float32(2.0**-24)
# Added to the deviation, so that silence is not divided by zero.
_LEAST_DEVIATION = 1e-5

Frames = npt.NDArray[np.float32]


def front_end(framing: Framing, options: Mapping[str, Any]) -> "NemoLogMel":
    """Options: `minimum_seconds`, to which shorter speech is repeated (0.5), and `pad_to` frames (16)."""
    return NemoLogMel(framing, **options)


class NemoLogMel:
    """Windows of two inputs: bands (80, frames) with zeros up to a multiple of `pad_to` frames, and the number of
    frames before those zeros, int64 without a dimension.

    Each band has mean 0 and deviation 1 over the window's frames.
    """

    def __init__(self, framing: Framing, *, minimum_seconds: float = 0.5, pad_to: int = 16) -> None:
        if isinstance(pad_to, bool) or not isinstance(pad_to, int):
            raise TypeError(f"pad_to must be a whole number of frames, not {pad_to!r}")
        if not 1 <= pad_to <= 1024:
            raise ValueError(f"pad_to must be from 1 to 1024 frames, not {pad_to}")
        self._pad_to = pad_to
        rate = framing.sample_rate
        length, step = round(FRAME_SECONDS * rate), round(STEP_SECONDS * rate)
        # The transform's frames reach over half a step more, which the window leaves out. The last of them, centred on
        # the end, is what NeMo computes and then masks.
        self._framer = Framer(
            length, step, before=length // 2, after=length // 2 - step, minimum=minimum_samples(minimum_seconds, rate)
        )
        self._power = MelPower(np.hanning(length), slaney_filters(rate, fft_length(length), _BANDS))
        self._windows = Windows(frames_in(framing.window_seconds), frames_in(framing.hop_seconds))
        self._previous = np.zeros(1, np.float32)

    def push(self, samples: Samples) -> Iterable[Window]:
        for start in range(0, len(samples), _EMPHASISED):
            follows = np.concatenate([self._previous, samples[start : start + _EMPHASISED]])
            self._previous = follows[-1:].copy()
            for frames in self._framer.push(follows[1:] - _EMPHASIS * follows[:-1]):
                yield from self._cut(frames)

    def finish(self) -> Iterable[Window]:
        for frames in self._framer.finish():
            yield from self._cut(frames)
        yield from map(self._normalised, self._windows.finish())

    def _cut(self, frames: Samples) -> Iterator[Window]:
        return map(self._normalised, self._windows.push(np.log(self._power(frames) + _GUARD)))

    def _normalised(self, window: Frames) -> Window:
        count = len(window)
        padded = np.zeros((_BANDS, count + -count % self._pad_to), np.float32)
        bands = padded[:, :count]
        # In double precision: silence has a deviation of rounding errors, which the division would blow up.
        np.subtract(window.T, window.mean(axis=0, dtype=np.float64)[:, np.newaxis], out=bands, casting="same_kind")
        deviation = np.sqrt(np.square(bands).sum(axis=1, dtype=np.float64) / max(1, count - 1))
        bands /= (deviation + _LEAST_DEVIATION).astype(np.float32)[:, np.newaxis]
        return padded, np.array(count, np.int64)
