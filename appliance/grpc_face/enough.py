"""Raw audio heard while it arrives: a call that asks for so much speech is answered once that has come."""

import logging
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import soxr

from appliance.grpc_face.raw_audio import RawFormat
from onnx_models import registry
from onnx_models.session import open_session
from onnx_models.speech import RATE, SpeechDetector

log = logging.getLogger(__name__)

# A quarter of a second: what is asked of the network at one time, which delays the answer as long.
_BLOCK_FRAMES = 8
# The worker's resampler looks a little ahead, and its network may differ in a frame that could be either.
_MARGIN_SECONDS = 0.3
# A resampler holds back no more than this: a quarter of a second at 4 kHz.
_RECENT_SECONDS = 1.0

Signal = npt.NDArray[np.float32]

_opening = Lock()
_opened: dict[Path, SpeechDetector] = {}


class Listener:
    """Counts the speech of raw audio between two times. Every call of `push` may take a while: not for event loops."""

    def __init__(self, form: RawFormat, *, start: float, end: float | None, speech: float, models_dir: Path) -> None:
        """Enough is `speech` seconds of it from `start` to `end` seconds. Raises ConfigurationError when the network
        that finds it is not installed."""
        self._form = form
        self._stream = _detector(models_dir).stream(_BLOCK_FRAMES)
        self._resampler = (
            None if form.rate == RATE else soxr.ResampleStream(form.rate, RATE, 1, dtype="float32", quality="HQ")
        )
        self._start, self._end = round(start * RATE), None if end is None else round(end * RATE)
        self._missing = round(speech * RATE)
        # Samples that came, the last of them as they came, and how many the stream has heard of at RATE.
        self._came, self._recent = 0, np.empty(0, np.float32)
        self._at = 0
        self._met_at: int | None = None

    @property
    def met(self) -> bool:
        """Whether there is enough speech, as far as can be known without what follows."""
        return self._met_at is not None

    @property
    def enough(self) -> bool:
        """Whether there is, and nothing that follows can change it."""
        return self._met_at is not None and self._at >= self._met_at + _MARGIN_SECONDS * RATE

    def met_if_over(self) -> bool:
        """Whether there is enough speech if nothing follows. What follows all the same is heard as if nobody had
        asked."""
        if self.met:
            return True
        missing = round(self._came * RATE / self._form.rate) - self._at
        held = np.empty(0, np.float32)
        if self._resampler is not None and missing > 0:
            held = soxr.resample(self._recent, self._form.rate, RATE, quality="HQ")[-missing:]
        found = self._stream.supposing(self._within(held))
        return bool(found) and self._missing <= sum(len(part.samples) for part in found)

    def push(self, content: bytes) -> None:
        """More whole samples."""
        second = self._form.rate * self._form.width
        for at in range(0, len(content), second):
            if self.enough:
                return
            self._hear(self._form.samples(content[at : at + second]))

    def _hear(self, signal: Signal) -> None:
        self._came += len(signal)
        if self._resampler is not None:
            self._recent = np.concatenate([self._recent, signal])[-round(_RECENT_SECONDS * self._form.rate) :]
            signal = self._resampler.resample_chunk(signal)
        within = self._within(signal)
        self._at += len(signal)
        if self.met or not len(within):
            return
        found = self._stream.push(within)
        self._missing -= sum(len(part.samples) for part in found)
        # Of a cap that is less than a sample, some speech is enough.
        if found and self._missing <= 0:
            self._met_at = self._at

    def _within(self, signal: Signal) -> Signal:
        """What of the next `signal` lies between the times."""
        return signal[max(0, self._start - self._at) : None if self._end is None else max(0, self._end - self._at)]


def _detector(models_dir: Path) -> SpeechDetector:
    """One for the process: its network is only read."""
    with _opening:
        if models_dir not in _opened:
            card = registry.card(registry.VOICE_ACTIVITY_MODEL)
            _opened[models_dir] = SpeechDetector(open_session(registry.verify(card, models_dir), "cpu"))
        return _opened[models_dir]
