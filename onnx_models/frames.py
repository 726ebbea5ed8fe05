"""Short overlapping frames of a signal that arrives in blocks."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from onnx_models.blocks import Samples, overlapping

# Frames come in groups of this many, so that whatever sums over them sums in one order however the samples arrive.
GROUP: Final = 128

# What every front end of speech uses.
FRAME_SECONDS: Final = 0.025
STEP_SECONDS: Final = 0.010


def frames_in(seconds: float) -> int:
    """How many frames one step apart stand for `seconds`."""
    return round(seconds / STEP_SECONDS)


def minimum_samples(minimum_seconds: object, sample_rate: int) -> int:
    """The option `minimum_seconds` of a card in samples.

    Networks pool over time and convolve over it, and fail or tell nothing with too few frames. Speech is repeated
    because silence would change the mean and the deviation that are removed. Raises TypeError or ValueError.
    """
    if isinstance(minimum_seconds, bool) or not isinstance(minimum_seconds, int | float):
        raise TypeError(f"minimum_seconds must be a number, not {minimum_seconds!r}")
    if not FRAME_SECONDS <= minimum_seconds <= 1:
        raise ValueError(f"minimum_seconds must be from {FRAME_SECONDS} to 1, not {minimum_seconds}")
    return round(minimum_seconds * sample_rate)


class Framer:
    """Frames of `length` samples, one every `step`, as arrays (frames, length) that look into one buffer: read-only.

    `before` and `after` zeros surround the signal; frames lie wholly within it and them, so that without zeros the
    edges are snipped. A signal shorter than `minimum` samples is repeated until it has so many; `minimum` is at most
    the samples that GROUP frames span.
    """

    def __init__(self, length: int, step: int, *, before: int = 0, after: int = 0, minimum: int = 0) -> None:
        self._length, self._step = length, step
        self._span = length + (GROUP - 1) * step
        if before + minimum > self._span:
            raise ValueError(f"a signal of at most {self._span - before} samples can be repeated, {minimum} were asked")
        self._before, self._after, self._minimum = before, after, minimum
        self._parts = [np.zeros(before, np.float32)]
        self._held = before
        self._grouped = False

    def push(self, samples: Samples) -> Iterator[Samples]:
        """The groups of frames that the next samples, shape (n,), complete."""
        while self._held + len(samples) >= self._span:
            missing = self._span - self._held
            # One group at a time: fresh memory for a long block costs more than the arithmetic on it.
            group = np.concatenate([*self._parts, samples[:missing]])
            samples = samples[missing:]
            rest = group[GROUP * self._step :].copy()
            self._parts, self._held, self._grouped = [rest], len(rest), True
            yield self._frames(group)
        self._parts.append(samples)
        self._held += len(samples)

    def finish(self) -> Iterator[Samples]:
        """The frames that are left; none when there was no signal."""
        held = np.concatenate(self._parts)
        if not self._grouped:
            signal = held[self._before :]
            if not len(signal):
                return
            if len(signal) < self._minimum:
                held = np.concatenate([held[: self._before], np.resize(signal, self._minimum)])
        held = np.concatenate([held, np.zeros(self._after, np.float32)])
        while len(held) >= self._length:
            yield self._frames(held[: self._span])
            held = held[GROUP * self._step :]

    def _frames(self, samples: Samples) -> Samples:
        return overlapping(samples, self._length, self._step)
