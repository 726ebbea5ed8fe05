"""Quality of a recording, measured beside the extraction: clipping, level, signal-to-noise ratio and bandwidth.

The signal is looked at as decoded, before resampling, in frames of 32 ms that coincide with those of the voice activity
detector. Every figure is about the frames that it found to be speech, but for the noise, which is looked for between
them. What the figures mean:

clipping
    The share of samples on a plateau: within 0.2 dB of the channel's highest sample, and as high as two neighbours
    there that are equal. That finds an overdriven converter in integers of any width and in floats, and after a change
    of volume too; clipping before a lossy codec has no plateaus left and is not found. Of a mix it is the share in its
    channels. Of hard clipping it finds nine tenths or more in half of all recordings and at least half in nearly all:
    frames in which no two clipped samples are neighbours are missed.
level
    The RMS of the speech relative to full scale 1, without the DC offset of each frame; a sine at full scale has -3 dB.
SNR and bandwidth
    As `onnx_models/quality_estimates.py` tells.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from onnx_models.blocks import Samples, overlapping
from onnx_models.quality_estimates import BAND_HERTZ, BINS, Counts, Floats, bandwidth, bins, counted, snr
from schemas.quality import Quality

# 32 ms as a fraction of a second: 125 frames are 4 s, a whole number of samples at any sample rate.
_FRAMES, _SECONDS = 125, 4
# 64 s. The detector says what is speech less than 40 s behind what was decoded, at any sample rate.
_LATEST = 16
_GUARD = 2
# Every fourth frame's spectrum: the long-term one is the same at a quarter of the cost.
_SPECTRUM_STEP = 4
# Samples of frames that fit a processor's cache.
_AT_ONCE = 1 << 16
_HIGHEST_HERTZ = 24_000
_PLATEAU = 10 ** (-0.2 / 20)
# Frames; seconds in binary are not exact.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class _Group:
    """What is kept of 125 frames until it is known which of them are speech. Powers are of full scale 1."""

    power: Floats
    """Shape (frames,)."""
    spectra: npt.NDArray[np.float32]
    """Shape (frames / 4, bands)."""
    peak: npt.NDArray[np.float32]
    """Highest absolute sample, shape (channels, frames)."""
    plateau: Counts
    """Samples on a plateau near that peak, shape (channels, frames)."""


@dataclass(slots=True)
class _Sums:
    """What is known of all speech and all pauses so far."""

    frames: int = 0
    power: float = 0.0
    speech_powers: Counts = field(default_factory=lambda: np.zeros(BINS, np.int64))
    pause_powers: Counts = field(default_factory=lambda: np.zeros(BINS, np.int64))


class QualityMeter:
    """Measures one signal of a recording: all samples by `push`, what of them is speech by `speech`, then `finish`.

    What is speech may be told up to a minute after its samples. The figures do not depend on how the samples are cut
    into blocks. Memory is bounded: 1 MB, and a few times four seconds of samples.
    """

    def __init__(self, sample_rate: int, channels: int = 1, start: float = 0.0, end: float | None = None) -> None:
        """`sample_rate` in hertz, as decoded; `channels` is how many the signal is the mean of. Only what lies from
        `start` to `end` seconds is looked at."""
        self._rate = sample_rate
        self._length = sample_rate * _SECONDS // _FRAMES
        self._starts = np.arange(_FRAMES) * sample_rate * _SECONDS // _FRAMES
        self._fft_length = _fast_length(self._length)
        # Periodic, as for spectral analysis: numpy's own window is the symmetric one.
        self._taper = np.hanning(self._length + 1)[:-1].astype(np.float32)
        # Bins above 125 b and up to 125 (b + 1) Hz are band b.
        bands = min(_HIGHEST_HERTZ, sample_rate // 2) // BAND_HERTZ
        self._edges = np.arange(bands + 1) * BAND_HERTZ * self._fft_length // sample_rate + 1
        # Frames that are measured at once: whole steps of the spectrum.
        self._at_once = max(1, _AT_ONCE // (self._length * _SPECTRUM_STEP)) * _SPECTRUM_STEP
        self._skipped = round(start * sample_rate)
        self._wanted = None if end is None else max(0, round(end * sample_rate) - self._skipped)
        self._held: list[Samples] = []
        self._held_samples = 0
        self._groups: deque[_Group] = deque()
        self._settled_frames = 0
        self._runs: deque[tuple[int, int]] = deque()
        self._last: int | None = None
        self._sums = _Sums()
        self._spectrum: Floats = np.zeros(bands)
        self._plateaus: Counts = np.zeros((channels, BINS), np.int64)
        self._peaks: Floats = np.zeros(channels)

    def push(self, block: Samples) -> None:
        """The next samples of the channels, shape (samples, channels)."""
        skipped = min(len(block), self._skipped)
        self._skipped -= skipped
        block = block[skipped:]
        if self._wanted is not None:
            block = block[: self._wanted]
            self._wanted -= len(block)
        group = _SECONDS * self._rate
        while self._held_samples + len(block) >= group:
            missing = group - self._held_samples
            self._measure(np.concatenate([*self._held, block[:missing]]))
            block, self._held, self._held_samples = block[missing:], [], 0
        if len(block):
            # A copy: the decoder may use its buffer again.
            self._held.append(block.copy())
            self._held_samples += len(block)
        while len(self._groups) > _LATEST:
            self._settle(self._groups.popleft())

    def speech(self, start: float, end: float) -> None:
        """From `start` to `end`, in seconds from where the meter starts, is speech; later calls name later times."""
        per_second = _FRAMES / _SECONDS
        self._runs.append((math.ceil(start * per_second - _ROUNDING), math.floor(end * per_second + _ROUNDING)))

    def given_up(self) -> None:
        """Nobody looks for speech after the last that was told: what follows counts as nothing, not as a pause."""
        self._last = max((end for _, end in self._runs), default=0)

    def finish(self) -> Quality:
        """The figures of all that was pushed."""
        if self._held:
            self._measure(np.concatenate(self._held))
        while self._groups:
            self._settle(self._groups.popleft())
        if not self._sums.frames or not self._sums.power:
            return Quality()
        power = self._sums.power / self._sums.frames
        return Quality(
            clipping=self._clipping(),
            level=float(10 * np.log10(power)),
            snr=snr(power, self._sums.speech_powers, self._sums.pause_powers),
            bandwidth=bandwidth(self._spectrum),
        )

    def _measure(self, block: Samples) -> None:
        count = int(np.searchsorted(self._starts, len(block) - self._length, side="right"))
        if not count:
            return
        channels = [overlapping(column, self._length) for column in np.ascontiguousarray(block.T)]
        measured = []
        for first in range(0, count, self._at_once):
            starts = self._starts[first : min(count, first + self._at_once)]
            cut = [windows[starts] for windows in channels]
            plateaus = [_plateaus(frames) for frames in cut]
            measured.append(
                (*self._spectra(cut[0] if len(cut) == 1 else np.mean(cut, axis=0)), *zip(*plateaus, strict=True))
            )
        power, spectra, peak, on_plateau = zip(*measured, strict=True)
        self._groups.append(
            _Group(
                np.concatenate(power),
                np.concatenate(spectra),
                np.concatenate(peak, axis=1),
                np.concatenate(on_plateau, axis=1),
            )
        )

    def _spectra(self, frames: Samples) -> tuple[Floats, npt.NDArray[np.float32]]:
        """Of frames of shape (frames, samples): the power of each, and the bands of every fourth."""
        frames = frames - frames.mean(axis=1, keepdims=True)
        power = np.einsum("fs,fs->f", frames, frames).astype(np.float64) / self._length
        transformed = np.fft.rfft(frames[::_SPECTRUM_STEP] * self._taper, self._fft_length)[:, : self._edges[-1]]
        density = np.square(transformed.real) + np.square(transformed.imag)
        return power, np.add.reduceat(density, self._edges[:-1], axis=1)

    def _settle(self, group: _Group) -> None:
        """Counts the frames of `group` as what they are known to be by now."""
        count = len(group.power)
        first = self._settled_frames
        speech, near = np.zeros(count, bool), np.zeros(count, bool)
        for start, end in self._runs:
            speech[max(0, start - first) : max(0, end - first)] = True
            near[max(0, start - _GUARD - first) : max(0, end + _GUARD - first)] = True
        if self._last is not None:
            near[max(0, self._last - first) :] = True
        self._settled_frames += count
        while self._runs and self._runs[0][1] + _GUARD <= self._settled_frames:
            self._runs.popleft()
        self._sums.pause_powers += counted(group.power[~near])
        if not speech.any():
            return
        self._sums.frames += int(speech.sum())
        self._sums.power += float(group.power[speech].sum())
        self._sums.speech_powers += counted(group.power[speech])
        self._spectrum += group.spectra[speech[::_SPECTRUM_STEP]].sum(axis=0, dtype=np.float64)
        for number, (peak, on_plateau) in enumerate(zip(group.peak, group.plateau, strict=True)):
            places = bins(np.square(peak[speech], dtype=np.float64))
            np.add.at(self._plateaus[number], places, on_plateau[speech])
            self._peaks[number] = max(self._peaks[number], float(peak[speech].max()))

    def _clipping(self) -> float:
        highest = bins(np.square(self._peaks * _PLATEAU))
        clipped = sum(int(counts[lowest:].sum()) for counts, lowest in zip(self._plateaus, highest, strict=True))
        return clipped / (self._sums.frames * self._length * len(self._peaks))


def _plateaus(frames: Samples) -> tuple[npt.NDArray[np.float32], Counts]:
    """Of frames of shape (frames, samples), each of shape (frames,): the highest absolute sample, and how many samples
    are on a plateau within 0.2 dB of it: as high as the lowest two neighbours there that are equal."""
    absolute = np.abs(frames)
    peak = absolute.max(axis=1)
    near = np.flatnonzero(absolute >= peak[:, np.newaxis] * np.float32(_PLATEAU))
    frame, values, heights = near // frames.shape[1], frames.ravel()[near], absolute.ravel()[near]
    equal = (np.diff(near) == 1) & (np.diff(frame) == 0) & (values[1:] == values[:-1]) & (values[1:] != 0)
    lowest = np.full(len(frames), np.inf, np.float32)
    np.minimum.at(lowest, frame[1:][equal], heights[1:][equal])
    return peak, np.bincount(frame[heights >= lowest[frame]], minlength=len(frames))


def _fast_length(length: int) -> int:
    """The next length whose only prime factors are 2, 3 and 5: others are many times slower to transform."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
