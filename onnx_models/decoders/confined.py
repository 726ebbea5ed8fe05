"""A recording decoded in a confined child process. What the child says is checked like anything from outside."""

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from io import FileIO
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_models import containers
from onnx_models.decoders.decoder import MOST_BLOCK_FRAMES, SAMPLE_BYTES, MediaInfo, Samples
from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.talk import Broken, Exceeded, Lost, Stalled, Talk
from onnx_models.sandbox.zygote import Zygote
from schemas.errors import MediaDamaged, MediaError, MediaOutOfRange, MediaUnknown, TaskInternalError

log = logging.getLogger(__name__)

# How many children are asked, where they are killed from outside or fall silent.
_MOST_TRIES = 3
_REFUSALS: dict[str, type[MediaError]] = {kind.kind: kind for kind in (MediaUnknown, MediaDamaged, MediaOutOfRange)}
_MOST_LETTERS = 600
# Beyond any recording. What is taken is decided by those who ask.
_MOST_CHANNELS = 1024
_MOST_RATE = 1 << 31
_MOST_FRAMES = 1 << 62
_HEADER = ("container", "sample_rate", "channels", "frames", "allowed_shortfall", "samples")
# One of those samples that are whole numbers. A power of two, so that every product is exact.
_STEP = np.float32(2.0**-15)
_LACKS_FFMPEG = {"lacks": "ffmpeg"}

# By what their children have at hand. The second starts when the first recording needs it.
ZYGOTES = {
    "libsndfile": Zygote("onnx_models.decoders.child"),
    "ffmpeg": Zygote("onnx_models.decoders.child_with_ffmpeg"),
}


def start() -> None:
    """Starts what most recordings need, without waiting until it is ready."""
    ZYGOTES["libsndfile"].start()


class ConfinedDecoder:
    """A recording that is decoded in a child: what `Decoder` promises, and an end.

    A child that is lost is replaced by another that begins anew, and nobody notices.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[FileIO]],
        has_extra: bool,
        limits: Limits,
        stop: Callable[[], bool],
    ) -> None:
        """`opened` gives the file, at its start; `has_extra` says whether FFmpeg is there; `stop` is asked while the
        child makes us wait.

        Raises the MediaError that says why the recording cannot be taken, Stopped when `stop` says so.
        """
        self._opened, self._request = opened, {"has_extra": has_extra}
        self._limits, self._stop = limits, stop
        self._zygote = ZYGOTES["libsndfile"]
        self._tries = 0
        self._talk: Talk | None = None
        try:
            self.info, self.allowed_shortfall, self._samples = self._begun()
        except BaseException:
            self.close()
            raise

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """The sound in arrays of shape (frames, channels), full scale 1. Raises MediaError, Stopped, and
        TaskInternalError when one child after the other is lost."""
        handed_over = skipped = 0
        while True:
            try:
                block = self._next()
            except Lost as error:
                self._lose(error)
                self._begun()
                skipped = handed_over
                continue
            if block is None:
                return
            block, skipped = block[skipped:], max(0, skipped - len(block))
            handed_over += len(block)
            if len(block):
                yield block

    def close(self) -> None:
        """Ends the child, which has let go of the file when this returns."""
        talk, self._talk = self._talk, None
        if talk is not None and not talk.close():
            self._zygote.replace()

    def _begun(self) -> tuple[MediaInfo, float | None, Samples]:
        """What the header says, told by a new child."""
        while True:
            with self._opened() as file:
                if self._request["has_extra"] and _needs_ffmpeg(file):
                    self._zygote = ZYGOTES["ffmpeg"]
                self._talk = self._zygote.ask(self._request, file.fileno(), self._limits)
            try:
                told = self._told(0)
            except Lost as error:
                self._lose(error)
                continue
            if told != _LACKS_FFMPEG or self._zygote is ZYGOTES["ffmpeg"]:
                return _header(told)
            self.close()
            self._zygote = ZYGOTES["ffmpeg"]

    def _next(self) -> npt.NDArray[np.float32] | None:
        """The next block of sound, None when there is no more."""
        frame_bytes = self.info.channels * SAMPLE_BYTES[self._samples]
        told = self._told(MOST_BLOCK_FRAMES * frame_bytes)
        if told is None:
            return None
        if not isinstance(told, memoryview) or not len(told) or len(told) % frame_bytes:
            raise _nonsense()
        return floats(told, self._samples).reshape(-1, self.info.channels)

    def _told(self, most_data: int) -> memoryview | Mapping[str, Any] | None:
        """What the child says next. Raises what it says about the recording as the MediaError that it is."""
        assert self._talk is not None  # noqa: S101
        try:
            told = self._talk.next(most_data, self._stop)
        except Broken as error:
            # Whoever runs this may want to know that somebody tries.
            log.warning("a decoder %s; its recording is refused", error)
            refusal = MediaOutOfRange if isinstance(error, Exceeded) else MediaDamaged
            raise refusal(f"the recording cannot be decoded: the decoder {error}") from error
        if isinstance(told, dict) and "refused" in told:
            raise _refusal(told)
        return told

    def _lose(self, error: Lost) -> None:
        """Raises what there is to say when that was the last try."""
        log.warning("a decoder %s", error)
        self.close()
        if isinstance(error, Stalled):
            # It may be the zygote that stands still.
            self._zygote.replace()
        self._tries += 1
        if self._tries >= _MOST_TRIES:
            raise TaskInternalError(f"the recording could not be decoded: {self._tries} times the decoder {error}")


def floats(content: memoryview, samples: Samples) -> npt.NDArray[np.float32]:
    """The `samples` in `content` at a full scale of 1, shape (n,)."""
    array = np.frombuffer(content, samples)
    return array if samples == "float32" else np.multiply(array, _STEP, dtype=np.float32)


def _needs_ffmpeg(file: FileIO) -> bool:
    """Whether the first bytes say so, which are compared and no more. It is for a child to decide, and spares one."""
    with suppress(MediaUnknown):
        return containers.identify(os.pread(file.fileno(), containers.HEAD_BYTES, 0)).decoder == "ffmpeg"
    return False


def _header(told: Any) -> tuple[MediaInfo, float | None, Samples]:
    try:
        title, rate, channels, frames, shortfall, samples = (told[name] for name in _HEADER)
    except (TypeError, KeyError) as error:
        raise _nonsense() from error
    counts = ((rate, _MOST_RATE), (channels, _MOST_CHANNELS), (0 if frames is None else frames, _MOST_FRAMES))
    if not all(type(count) is int and 0 <= count <= most for count, most in counts) or not isinstance(title, str):
        raise _nonsense()
    if shortfall is not None and not (type(shortfall) is float and math.isfinite(shortfall)):
        raise _nonsense()
    if samples not in ("float32", "int16"):
        raise _nonsense()
    return MediaInfo(_plain(title), rate, channels, frames), shortfall, samples


def _refusal(told: Mapping[str, Any]) -> MediaError:
    kind, message = told["refused"], told.get("message")
    if kind not in _REFUSALS or not isinstance(message, str):
        return _nonsense()
    return _REFUSALS[kind](_plain(message))


def _nonsense() -> MediaDamaged:
    return MediaDamaged("the recording cannot be decoded: the decoder answered nonsense")


def _plain(text: str) -> str:
    """`text` of a stranger on one line, short, and without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MOST_LETTERS]
