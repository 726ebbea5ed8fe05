"""Kaldi's log mel filter bank, and windows of it with their mean removed.

D. Povey et al., "The Kaldi Speech Recognition Toolkit", ASRU 2011; the numbers of its compute-fbank-feats without
dither, and of torchaudio.compliance.kaldi.fbank, which the public models were trained with.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window
from onnx_models.frames import FRAME_SECONDS, GROUP, STEP_SECONDS, Framer, frames_in, minimum_samples
from onnx_models.mel import MelPower, fft_length, kaldi_filters
from onnx_models.windows import Windows

BANDS = 80
_EMPHASIS = np.float32(0.97)
# Of float32; the logarithm of silence.
_FLOOR = np.float32(np.finfo(np.float32).eps)

Taper = Literal["hamming", "povey"]
Frames = npt.NDArray[np.float32]


class KaldiFbank:
    """Log energies of 80 mel bands from 20 Hz to half the sample rate, shape (frames, 80): 25 ms every 10 ms.

    Edges are snipped: n samples give 1 + (n - 400) // 160 frames at 16 kHz. Samples count `scale` times; shorter
    signals than `minimum` samples are repeated to that length.
    """

    def __init__(self, sample_rate: int, taper: Taper, scale: float, minimum: int) -> None:
        length, step = round(FRAME_SECONDS * sample_rate), round(STEP_SECONDS * sample_rate)
        shape = np.hamming(length) if taper == "hamming" else np.hanning(length) ** 0.85
        filters = kaldi_filters(sample_rate, fft_length(length), BANDS)
        self._framer = Framer(length, step, minimum=max(minimum, length))
        self._power = MelPower(shape * scale, filters)
        self._centred = np.empty((GROUP, length), np.float32)

    def push(self, samples: Samples) -> Iterator[Frames]:
        """The next frames, in blocks."""
        yield from map(self._log_mel, self._framer.push(samples))

    def finish(self) -> Iterator[Frames]:
        """The last frames; at least one when there was a sample."""
        yield from map(self._log_mel, self._framer.finish())

    def _log_mel(self, frames: Samples) -> Frames:
        centred = self._centred[: len(frames)]
        np.subtract(frames, frames.mean(axis=1, keepdims=True), out=centred)
        # Emphasis is within each frame; its first sample is taken to come after one like it.
        centred[:, 1:] -= _EMPHASIS * centred[:, :-1]
        centred[:, 0] *= 1 - _EMPHASIS
        energies = self._power(centred)
        return np.log(np.maximum(energies, _FLOOR, out=energies), out=energies)


class KaldiFrontEnd:
    """Windows (frames, 80) of Kaldi's filter bank, each band's mean over the window's frames removed."""

    def __init__(self, framing: Framing, taper: Taper, scale: float, *, minimum_seconds: float = 0.5) -> None:
        """Speech shorter than `minimum_seconds` (0.025 to 1) is repeated until it is as long."""
        minimum = minimum_samples(minimum_seconds, framing.sample_rate)
        self._fbank = KaldiFbank(framing.sample_rate, taper, scale, minimum)
        self._windows = Windows(frames_in(framing.window_seconds), frames_in(framing.hop_seconds))

    def push(self, samples: Samples) -> Iterable[Window]:
        for frames in self._fbank.push(samples):
            yield from map(_centred, self._windows.push(frames))

    def finish(self) -> Iterable[Window]:
        for frames in self._fbank.finish():
            yield from map(_centred, self._windows.push(frames))
        yield from map(_centred, self._windows.finish())


def _centred(window: Frames) -> Window:
    return (window - window.mean(axis=0, dtype=np.float64).astype(np.float32),)
