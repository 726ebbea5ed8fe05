"""Voice activity: which samples are speech, found by the Silero network while the recording streams by.

Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector", 2024. The network gives a probability
for every frame of 512 samples at 16 kHz; a hysteresis turns them into segments.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from onnx_models.blocks import Samples, reblocked
from onnx_models.session import Session
from schemas.errors import ConfigurationError

RATE = 16_000
FRAME = 512
_CONTEXT = 64
_STATE = (1, 1, 128)
# 16 s: long enough that calls cost nothing, short enough that memory does not count.
_BLOCK_FRAMES = 512

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
        self._frame, rest = divmod(FRAME * sample_rate, RATE)
        if rest:
            raise ConfigurationError(
                f"speech cannot be found at {sample_rate} Hz: a model's sample rate must be a multiple of 125 Hz"
            )

    def speech(self, blocks: Iterable[Samples]) -> Iterator[Speech]:
        """The speech in `blocks`, which hold float32 samples, in order and as soon as it is certain."""
        segmenter = Segmenter()
        held, held_from = np.empty(0, np.float32), 0
        for block, probabilities in self._probabilities(blocks):
            held = np.concatenate([held, block])
            for start, end in segmenter.push(probabilities):
                yield self._cut(held, held_from, start, end)
            passed = min(len(held), segmenter.horizon * self._frame - held_from)
            held, held_from = held[passed:], held_from + passed
        for start, end in segmenter.finish():
            yield self._cut(held, held_from, start, end)

    def segments(self, blocks: Iterable[Samples]) -> list[tuple[int, int]]:
        """The segments of speech in `blocks` as [start, end) in samples."""
        segments: list[tuple[int, int]] = []
        for part in self.speech(blocks):
            touches = bool(segments) and segments[-1][1] == part.start
            start = segments.pop()[0] if touches else part.start
            segments.append((start, part.end))
        return segments

    def _probabilities(self, blocks: Iterable[Samples]) -> Iterator[tuple[Samples, npt.NDArray[np.float32]]]:
        hidden, cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
        context = np.zeros(_CONTEXT, np.float32)
        for block, frames in self._frames(blocks):
            if not len(frames):
                yield block, np.empty(0, np.float32)
                continue
            contexts = np.concatenate([context[np.newaxis], frames[:-1, -_CONTEXT:]])
            context = frames[-1, -_CONTEXT:]
            inputs = {"input": np.concatenate([contexts, frames], axis=1), "h": hidden, "c": cell}
            probabilities, hidden, cell = self._session.run(("speech_probs", "hn", "cn"), inputs)
            yield block, probabilities

    def _frames(self, blocks: Iterable[Samples]) -> Iterator[tuple[Samples, Samples]]:
        """The signal in blocks, each with the frames (n, FRAME) at RATE that it completes."""
        signal = reblocked(blocks, _BLOCK_FRAMES * self._frame)
        if self._rate == RATE:
            # Only the recording's last block has an incomplete frame.
            yield from ((block, np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)) for block in signal)
            return
        resampler = soxr.ResampleStream(self._rate, RATE, 1, dtype="float32", quality="HQ")
        rest = np.empty(0, np.float32)
        for block in signal:
            rest = np.concatenate([rest, resampler.resample_chunk(block)])
            whole = len(rest) - len(rest) % FRAME
            yield block, rest[:whole].reshape(-1, FRAME)
            rest = rest[whole:]
        rest = np.concatenate([rest, resampler.resample_chunk(np.empty(0, np.float32), last=True)])
        yield np.empty(0, np.float32), np.pad(rest, (0, -len(rest) % FRAME)).reshape(-1, FRAME)

    def _cut(self, held: Samples, held_from: int, start: int, end: int) -> Speech:
        start, end = start * self._frame, end * self._frame
        return Speech(start, held[start - held_from : end - held_from])
