"""Recordings: opened by content, decoded in blocks, checked against limits, one channel at a time.

Nothing is allocated from what a header says, and every limit holds for what is decoded, not only for what is promised.
All that reads more of a recording than its first bytes does so in a child process that can do nothing else (see
`onnx_models/sandbox`); what it says is checked here.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from onnx_models.blocks import Samples
from onnx_models.decoders import confined
from onnx_models.decoders.confined import ConfinedDecoder
from onnx_models.decoders.decoder import MediaInfo
from onnx_models.sandbox.confinement import Limits
from onnx_models.stages import DECODE, QUALITY, RESAMPLE, stage, staged
from schemas import plain_file
from schemas.errors import ChannelMissing, MediaDamaged, MediaNotFinite, MediaOutOfRange, MediaUnknown

ChannelMode = Literal["split", "mix"]
# Where a recording is: its path, or an open file, seekable, unbuffered and with a descriptor, that its owner closes.
Source = Path | str | FileIO
# Full scale is 1, but some writers store integers of 32 bits as floats. Beyond, squares leave float32.
_LARGEST_SAMPLE = float(1 << 31)
# Processor time of a decoder: the slowest is some hundred times as fast as the sound, the busiest machine some five
# times as slow; and something for whatever is not sound.
_PROCESSOR_SECONDS, _SLOWEST = 60, 10
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What is accepted: length in seconds, sample rates in hertz."""

    max_audio_length: float = 7200.0
    max_channels: int = 8
    min_sample_rate: int = 4000
    max_sample_rate: int = 192_000


class Recording:
    """A recording whose header was found to be within the limits.

    Every pass reads it from its start, in a confined child process. Of an open file one pass at a time, and nobody else
    meanwhile: they share its position.
    """

    def __init__(
        self,
        source: Source,
        limits: MediaLimits,
        stop: Callable[[], bool] | None = None,
        waiting: Callable[[Iterator[Samples]], Iterator[Samples]] = iter,
    ) -> None:
        """`stop` is asked while a decoder makes us wait; `waiting` goes through what it decodes, and may do something
        else while it waits for more.

        Raises the MediaError that says why the file cannot be taken, Stopped when `stop` says so.
        """
        self._source, self._limits = source, limits
        self._stop = stop or _never
        self._waiting = waiting
        self._decoded_frames: int | None = None
        # What read the header goes on to be the first pass.
        with stage(DECODE):
            self._begun: ConfinedDecoder | None = self._opened()
        self.info = self._begun.info

    def close(self) -> None:
        """Ends what was begun and not read, as letting go of the recording does sooner or later."""
        if self._begun is not None:
            self._begun.close()
            self._begun = None

    @property
    def length(self) -> float:
        """Seconds: as decoded once a channel was read to its end, before that as the header says."""
        frames = self.info.frames if self._decoded_frames is None else self._decoded_frames
        if frames is None:
            frames = sum(map(len, self._blocks()))
        return frames / self.info.sample_rate

    def selections(self, mode: ChannelMode, channels: Sequence[int] | None = None) -> list[tuple[int, ...]]:
        """The channels of every signal to be made: each on its own (`split`), or one mean of all (`mix`).

        `channels` chooses among those of the recording, None means all. Raises ChannelMissing.
        """
        chosen = tuple(range(self.info.channels)) if channels is None else tuple(dict.fromkeys(channels))
        for channel in chosen:
            if not 0 <= channel < self.info.channels:
                count = f"{self.info.channels} channel{'s' if self.info.channels > 1 else ''}"
                raise ChannelMissing(f"channel {channel} was asked for, and the recording has {count}, counted from 0")
        return [chosen] if mode == "mix" else [(channel,) for channel in chosen]

    def samples(
        self, selection: Sequence[int], sample_rate: int, decoded: Callable[[Samples], None] | None = None
    ) -> Iterator[Samples]:
        """One signal at `sample_rate` hertz in blocks of shape (n,): the mean of the channels of `selection`.

        `decoded` is handed those channels, shape (n, channels), at the recording's own rate before they are used.

        Raises MediaDamaged, MediaNotFinite and MediaOutOfRange for what only decoding shows.
        """
        signal = map(_mean, self._channels(list(selection), decoded))
        if sample_rate == self.info.sample_rate:
            yield from signal
            return
        resampler = soxr.ResampleStream(self.info.sample_rate, sample_rate, 1, dtype="float32", quality="HQ")
        for block in signal:
            with stage(RESAMPLE):
                resampled = resampler.resample_chunk(block)
            yield resampled
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True)

    def _channels(self, columns: list[int], decoded: Callable[[Samples], None] | None) -> Iterator[Samples]:
        for block in staged(DECODE, self._waiting(self._blocks())):
            # As it is where all are wanted: numpy copies what is picked.
            channels = block if columns == list(range(self.info.channels)) else block[:, columns]
            if decoded is not None:
                with stage(QUALITY):
                    decoded(channels)
            yield channels

    def _opened(self) -> ConfinedDecoder:
        limits = Limits(_PROCESSOR_SECONDS + math.ceil(self._limits.max_audio_length / _SLOWEST))
        decoder = ConfinedDecoder(partial(_file, self._source), has_extra(), limits, self._stop)
        try:
            _check_header(decoder.info, self._limits)
        except MediaOutOfRange:
            decoder.close()
            raise
        return decoder

    def _blocks(self) -> Iterator[Samples]:
        decoded = 0
        begun, self._begun = self._begun, None
        with closing(begun or self._opened()) as decoder:
            for block in decoder.blocks():
                decoded += len(block)
                if decoded > self._limits.max_audio_length * self.info.sample_rate:
                    raise MediaOutOfRange(f"the recording is longer than {self._limits.max_audio_length:g} s")
                # Comparisons that NaN fails as well.
                if not (block.max() <= _LARGEST_SAMPLE and block.min() >= -_LARGEST_SAMPLE):
                    raise MediaNotFinite("the recording has samples that are infinite or not numbers")
                yield block
            _check_shortfall(decoder, decoded)
        self._decoded_frames = decoded


def start() -> None:
    """Starts the process whose children decode, and does not wait: it is ready when the first recording comes."""
    confined.start()


def probe(source: Source, limits: MediaLimits | None = None) -> MediaInfo:
    """What the header of the recording says. Raises the MediaError that says why the file cannot be taken."""
    with closing(Recording(source, limits or MediaLimits())) as recording:
        return recording.info


def sha256(source: Source) -> bytes:
    """SHA-256 of the whole file. Leaves the position of an open one where it is."""
    digest, offset = hashlib.sha256(), 0
    with _file(source) as file:
        while block := os.pread(file.fileno(), _READ_BYTES, offset):
            digest.update(block)
            offset += len(block)
    return digest.digest()


@contextmanager
def _file(source: Source) -> Iterator[FileIO]:
    """The file of a recording; one that was handed in open stays open.

    Raises OSError, and MediaUnknown for a pipe or anything else.
    """
    if isinstance(source, FileIO):
        yield source
        return
    try:
        opened = plain_file.opened(Path(source))
    except plain_file.NotPlain as error:
        raise MediaUnknown("it is not a plain file, so it can be no recording") from error
    with opened as file:
        yield file


def _check_header(info: MediaInfo, limits: MediaLimits) -> None:
    if not 1 <= info.channels <= limits.max_channels:
        raise MediaOutOfRange(f"the recording has {info.channels} channels; at most {limits.max_channels} are taken")
    if not limits.min_sample_rate <= info.sample_rate <= limits.max_sample_rate:
        raise MediaOutOfRange(
            f"the recording has a sample rate of {info.sample_rate} Hz; "
            f"{limits.min_sample_rate} to {limits.max_sample_rate} Hz are taken"
        )
    if info.length is not None and info.length > limits.max_audio_length:
        raise MediaOutOfRange(
            f"the recording's header says {info.length:.0f} s; at most {limits.max_audio_length:g} s are taken"
        )


def _check_shortfall(decoder: ConfinedDecoder, decoded: int) -> None:
    info = decoder.info
    if info.length is None or decoder.allowed_shortfall is None:
        return
    found = decoded / info.sample_rate
    if found + decoder.allowed_shortfall < info.length:
        raise MediaDamaged(
            f"the {info.container} recording is truncated: "
            f"its header promises {info.length:.2f} s, {found:.2f} s were found"
        )


def _mean(channels: Samples) -> Samples:
    """Of shape (n, channels), shape (n,); one channel is its own mean, which numpy would compute sample by sample."""
    return channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1)


@cache
def has_extra() -> bool:
    """Whether FFmpeg is there, which does not change while a process lives."""
    return find_spec("av") is not None


def _never() -> bool:
    return False
