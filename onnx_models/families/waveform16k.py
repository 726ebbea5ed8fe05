"""The samples themselves: ReDimNet2, SpeechBrain's exports, WavLM, wav2vec 2.0.

The name is the family's in the catalogue; the rate is the card's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from onnx_models.blocks import Samples
from onnx_models.families import Framing, Window
from onnx_models.frames import minimum_samples
from onnx_models.windows import Windows

name = "waveform16k"

# Added to the variance, as the feature extractor of Hugging Face's wav2vec 2.0 does.
_LEAST_VARIANCE = 1e-7


def front_end(framing: Framing, options: Mapping[str, Any]) -> "Waveform":
    """Options: `minimum_seconds`, to which shorter speech is repeated (0.5), and `unit_variance` (false)."""
    return Waveform(framing, **options)


class Waveform:
    """Windows of shape (samples,); with `unit_variance` each has mean 0 and variance 1."""

    def __init__(self, framing: Framing, *, minimum_seconds: float = 0.5, unit_variance: bool = False) -> None:
        if not isinstance(unit_variance, bool):
            raise TypeError(f"unit_variance must be true or false, not {unit_variance!r}")
        self._unit_variance = unit_variance
        rate = framing.sample_rate
        length = round(framing.window_seconds * rate)
        self._windows = Windows(length, round(framing.hop_seconds * rate))
        # Windows of all lengths but the card's are all of the speech.
        self._minimum = min(length, minimum_samples(minimum_seconds, rate))

    def push(self, samples: Samples) -> Iterable[Window]:
        return map(self._window, self._windows.push(samples))

    def finish(self) -> Iterable[Window]:
        for samples in self._windows.finish():
            yield self._window(samples if len(samples) >= self._minimum else np.resize(samples, self._minimum))

    def _window(self, samples: Samples) -> Window:
        if not self._unit_variance:
            return (samples,)
        centred = samples - np.float32(samples.mean(dtype=np.float64))
        variance = float(np.square(centred).mean())
        centred *= np.float32(1 / np.sqrt(variance + _LEAST_VARIANCE))
        return (centred,)
