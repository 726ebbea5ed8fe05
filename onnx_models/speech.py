"""Voice activity: which samples are speech, found by the Silero network while the recording streams by.

Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector", 2024. The network gives a probability
for every frame of 512 samples at 16 kHz; a hysteresis turns them into segments.
"""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from onnx_models.blocks import Reblocker, Samples
from onnx_models.session import Session
from onnx_models.stages import VOICE_ACTIVITY, stage
from schemas.errors import ConfigurationError

RATE = 16_000
FRAME = 512
_CONTEXT = 64
_STATE = (1, 1, 128)
# 8 s: long enough that calls cost nothing, short enough that a processor's cache holds most of what lies between.
BLOCK_FRAMES = 256

# Speech starts at the first threshold and goes on until the second; both are the authors' own.
_ONSET, _OFFSET = 0.5, 0.35
# 250 ms and 100 ms in whole frames: shorter speech is noise, shorter silence is part of the speech around it.
_MINIMUM_SPEECH, _MINIMUM_SILENCE = 8, 4
# Kept before and after a segment, where consonants are too quiet for the network.
_PADDING = 1


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of speech, `start` samples into the recording. A segment may come in several that touch."""

    start: int
    samples: Samples

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


class Segmenter:
    """Speech probabilities of consecutive frames in, runs of speech frames [start, end) out, each as soon as it is
    certain. Nothing further back than `horizon` is asked for again; that is a dozen frames at most.
    """

    def __init__(self) -> None:
        self._frame = 0
        self._onset: int | None = None
        self._quiet_from: int | None = None
        # First frame of the current segment that was not handed out.
        self._pending = 0

    @property
    def horizon(self) -> int:
        return max(0, self._frame - _PADDING) if self._onset is None else self._pending

    def push(self, probabilities: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
        """Runs that are now certain; `probabilities` has shape (frames,)."""
        runs: list[tuple[int, int]] = []
        for probability in probabilities.tolist():
            frame = self._frame
            self._frame += 1
            if self._onset is None:
                if probability >= _ONSET:
                    self._onset, self._pending = frame, max(0, frame - _PADDING)
            elif probability >= _ONSET:
                self._quiet_from = None
            elif self._quiet_from is not None:
                if frame - self._quiet_from >= _MINIMUM_SILENCE:
                    runs += self._close()
            elif probability < _OFFSET:
                self._quiet_from = frame
        runs += self._certain(padding=0)
        return runs

    def finish(self) -> list[tuple[int, int]]:
        """The last runs, once the recording is over."""
        return self._close()

    def _close(self) -> list[tuple[int, int]]:
        runs = self._certain(padding=_PADDING)
        self._onset = self._quiet_from = None
        return runs

    def _certain(self, padding: int) -> list[tuple[int, int]]:
        if self._onset is None:
            return []
        speech_end = self._frame if self._quiet_from is None else self._quiet_from
        if speech_end - self._onset < _MINIMUM_SPEECH:
            return []
        start, self._pending = self._pending, min(speech_end + padding, self._frame)
        return [(start, self._pending)] if self._pending > start else []


class SpeechDetector:
    """Finds the speech of one recording after the other, in samples at `sample_rate` hertz."""

    def __init__(self, session: Session, sample_rate: int = RATE) -> None:
        """Raises ConfigurationError for a rate at which the network's frames are no whole number of samples."""
        self._session, self._rate = session, sample_rate
        if FRAME * sample_rate % RATE:
            raise ConfigurationError(
                f"speech cannot be found at {sample_rate} Hz: a model's sample rate must be a multiple of 125 Hz"
            )

    def stream(self, block_frames: int = BLOCK_FRAMES) -> "SpeechStream":
        """A listener to one recording that arrives bit by bit, which asks the network once for `block_frames` frames
        of 32 ms. Fewer tell sooner what is speech and cost more."""
        return SpeechStream(self._session, self._rate, block_frames)

    def speech(self, blocks: Iterable[Samples]) -> Iterator[Speech]:
        """The speech in `blocks`, which hold float32 samples, in order and as soon as it is certain."""
        stream = self.stream()
        for block in blocks:
            with stage(VOICE_ACTIVITY):
                found = stream.push(block)
            yield from found
        with stage(VOICE_ACTIVITY):
            found = stream.finish()
        yield from found

    def segments(self, blocks: Iterable[Samples]) -> list[tuple[int, int]]:
        """The segments of speech in `blocks` as [start, end) in samples."""
        segments: list[tuple[int, int]] = []
        for part in self.speech(blocks):
            touches = bool(segments) and segments[-1][1] == part.start
            start = segments.pop()[0] if touches else part.start
            segments.append((start, part.end))
        return segments


class SpeechStream:
    """Samples of one recording in, its speech out: the same however the samples were cut."""

    def __init__(self, session: Session, sample_rate: int, block_frames: int) -> None:
        self._frame = FRAME * sample_rate // RATE
        self._blocks = Reblocker(block_frames * self._frame)
        self._frames = _Frames(sample_rate)
        self._network = _Network(session)
        self._segmenter = Segmenter()
        self._held, self._held_from = np.empty(0, np.float32), 0

    def push(self, samples: Samples) -> list[Speech]:
        """The speech that is certain with the next `samples`, float32 of shape (n,), which may be kept as they are.

        What goes on for a quarter of a second is certain, and from then on everything up to the last frame.
        """
        return [part for block in self._blocks.push(samples) for part in self._heard(block, self._frames.push(block))]

    def finish(self) -> list[Speech]:
        """The last speech, once the recording is over."""
        found = [part for block in self._blocks.finish() for part in self._heard(block, self._frames.push(block))]
        found += self._heard(np.empty(0, np.float32), self._frames.finish())
        return found + [self._cut(start, end) for start, end in self._segmenter.finish()]

    def supposing(self, samples: Samples) -> list[Speech]:
        """What `push` of `samples` and `finish` would find now. The stream goes on as if nobody had asked.

        Only of a stream at RATE: a resampler cannot be asked without being ended.
        """
        other = copy.copy(self)
        # The signal that is held is never written to, and the network's own session is shared.
        other._blocks, other._segmenter = copy.deepcopy(self._blocks), copy.copy(self._segmenter)
        other._network = copy.copy(self._network)
        return other.push(samples) + other.finish()

    def _heard(self, block: Samples, frames: Samples) -> list[Speech]:
        """Of the next `block`, which completes `frames`; of the signal only what may still be speech is kept."""
        self._held = np.concatenate([self._held, block])
        found = [self._cut(start, end) for start, end in self._segmenter.push(self._network.probabilities(frames))]
        passed = min(len(self._held), self._segmenter.horizon * self._frame - self._held_from)
        self._held, self._held_from = self._held[passed:], self._held_from + passed
        return found

    def _cut(self, start: int, end: int) -> Speech:
        start, end = start * self._frame, end * self._frame
        return Speech(start, self._held[start - self._held_from : end - self._held_from])


class _Network:
    """The network with what it remembers of the frames before."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._hidden, self._cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def probabilities(self, frames: Samples) -> npt.NDArray[np.float32]:
        """How likely each of `frames`, shape (n, FRAME), is speech; shape (n,)."""
        if not len(frames):
            return np.empty(0, np.float32)
        heard = np.empty((len(frames), _CONTEXT + FRAME), np.float32)
        heard[0, :_CONTEXT], heard[1:, :_CONTEXT] = self._context, frames[:-1, -_CONTEXT:]
        heard[:, _CONTEXT:] = frames
        self._context = heard[-1, -_CONTEXT:].copy()
        inputs = {"input": heard, "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = self._session.run(("speech_probs", "hn", "cn"), inputs)
        return probabilities


class _Frames:
    """Samples at any rate in, whole frames of shape (n, FRAME) at RATE out."""

    def __init__(self, sample_rate: int) -> None:
        self._resampler = (
            None if sample_rate == RATE else soxr.ResampleStream(sample_rate, RATE, 1, dtype="float32", quality="HQ")
        )
        self._rest = np.empty(0, np.float32)

    def push(self, block: Samples) -> Samples:
        """The frames that the next block completes."""
        if self._resampler is None:
            # Only the recording's last block has an incomplete frame.
            return _filled(block)
        signal = np.concatenate([self._rest, self._resampler.resample_chunk(block)])
        whole = len(signal) - len(signal) % FRAME
        self._rest = signal[whole:]
        return signal[:whole].reshape(-1, FRAME)

    def finish(self) -> Samples:
        """The last frames."""
        if self._resampler is None:
            return np.empty((0, FRAME), np.float32)
        last = self._resampler.resample_chunk(np.empty(0, np.float32), last=True)
        return _filled(np.concatenate([self._rest, last]))


def _filled(signal: Samples) -> Samples:
    """Frames of shape (n, FRAME), the last one filled up with silence."""
    missing = -len(signal) % FRAME
    return (np.pad(signal, (0, missing)) if missing else signal).reshape(-1, FRAME)
