"""WAV, FLAC, Ogg Vorbis and Opus, and MP3 by libsndfile, restricted to encodings with a clean record.

Its ADPCM decoders have had memory faults, so they and everything else unlisted are refused by name.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

from onnx_models import wav_header
from onnx_models.containers import FLAC, MP3, OGG, WAV, Container
from onnx_models.decoders.decoder import BLOCK_FRAMES, SAMPLE_BYTES, Decoder, MediaInfo
from onnx_models.decoders.endless import SHORTEST_ESTIMATE, EndlessFile, counts_frames
from onnx_models.decoders.sndfile import SndfileError, Sound
from onnx_models.decoders.tail import sound_end
from schemas.errors import MediaDamaged, MediaUnknown

_ENCODINGS = {
    *("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW", "GSM610"),
    *("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"),
}
_FORMATS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"}
# More than the decoder of FLAC reads ahead, and than the frames of padding at the end of an MP3.
_MOST_BYTES_BEHIND = 16_384
# What its MP3 decoder ends with when it finds no sound; the words that go with it blame the file system.
_NO_REGULAR_FILE = 7


class _Recording:
    def __init__(self, sound: Sound, info: MediaInfo, allowed_shortfall: float | None, file: BinaryIO | None) -> None:
        """`file` is given where sound behind the header's length is to be found out."""
        self._sound, self._file = sound, file
        self.info, self.samples = info, sound.samples
        self.allowed_shortfall = allowed_shortfall

    def blocks(self) -> Iterator[memoryview]:
        frame_bytes, decoded = self.info.channels * SAMPLE_BYTES[self.samples], 0
        memory = _memory(BLOCK_FRAMES * frame_bytes)
        while True:
            wanted = BLOCK_FRAMES
            if self.info.frames is not None and self.allowed_shortfall is not None:
                # Asked for more than there is, the FLAC decoder takes a tag behind the sound for damaged sound.
                wanted = min(wanted, self.info.frames - decoded)
            try:
                count = self._sound.read_into(memory, wanted)
            except SndfileError as error:
                seconds = decoded / self.info.sample_rate
                raise MediaDamaged(
                    f"the {self.info.container} recording cannot be decoded after {seconds:.2f} s"
                    + ("" if self.info.length is None else f" of the {self.info.length:.2f} s that its header promises")
                    + f": {_reason(error)}"
                ) from error
            if not count:
                break
            decoded += count
            yield memoryview(memory)[: count * frame_bytes]
        if self._file is not None and self.info.frames is not None:
            self._check_end(self._file)

    def _check_end(self, file: BinaryIO) -> None:
        # libsndfile never reads past the header's length, for instance into a second recording appended to the first.
        behind = -file.tell() + sound_end(file)
        if behind > _MOST_BYTES_BEHIND:
            raise MediaDamaged(
                f"the {self.info.container} recording goes on for {behind} bytes after "
                f"the {self.info.length:.2f} s that its header promises"
            )


def _memory(size: int) -> mmap.mmap:
    """One piece of memory for all blocks: fresh pages cost more than the sound that is put there, and those that were
    had before a fork cost even more."""
    try:
        return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
    except OSError as error:
        raise MemoryError from error


@contextmanager
def opened(file: BinaryIO, container: Container) -> Iterator[Decoder]:
    """A decoder over `file`, which must be unbuffered and of the kind `container`.

    Raises MediaDamaged for a header that is broken or lies, MediaUnknown for an encoding that is not decoded here.
    """
    if container is WAV:
        _check_wav_header(file)
    endless = container is MP3 and not counts_frames(file)
    # By descriptor, from the start: libsndfile never sees a name, which might make it guess.
    source = EndlessFile(file) if endless else file.fileno()
    file.seek(0)
    try:
        sound = Sound(source)
    except SndfileError as error:
        raise MediaDamaged(f"the header of the {container.title} recording is damaged: {_reason(error)}") from error
    with closing(sound):
        # MPEG audio in a WAV file carries a length that is neither exact nor an estimate.
        mpeg_in_wav = container is WAV and sound.subtype.startswith("MPEG")
        if sound.format not in _FORMATS or sound.subtype not in _ENCODINGS or mpeg_in_wav:
            raise MediaUnknown(
                f"this is a {container.title} recording encoded as {sound.subtype}, which is not decoded here; "
                "convert it to 16-bit PCM"
            )
        frames = None if sound.frames >= SHORTEST_ESTIMATE else sound.frames
        title = container.title if container is not OGG else f"Ogg {sound.subtype.title()}"
        info = MediaInfo(title, sound.sample_rate, sound.channels, frames)
        yield _Recording(
            sound, info, 0.0 if container in (WAV, FLAC) else None, file if container in (FLAC, MP3) else None
        )


def begins(file: BinaryIO, container: Container) -> bool:
    """Whether the header and the first block of `file` can be decoded. Moves the position of `file`."""
    try:
        with opened(file, container) as decoder:
            next(decoder.blocks(), None)
    except MediaDamaged:
        return False
    return True


def _check_wav_header(file: BinaryIO) -> None:
    data = wav_header.read_data_chunk(file, os.fstat(file.fileno()).st_size)
    if data is not None and data.unfinished:
        raise MediaDamaged(
            f"the header of the WAV recording gives no length (0), and {data.found} bytes follow: "
            "it was never finished by what wrote it"
        )
    if data is not None and data.truncated:
        unit, scale = ("s", data.bytes_per_second) if data.bytes_per_second else ("bytes", 1)
        raise MediaDamaged(
            f"the WAV recording is truncated: its header promises {data.promised / scale:.2f} {unit}, "
            f"{data.found / scale:.2f} {unit} were found"
        )


def _reason(error: SndfileError) -> str:
    if error.code == _NO_REGULAR_FILE:
        return "nothing that can be decoded follows its first bytes"
    return error.reason.removeprefix("Error :").strip().rstrip(".") or "no reason given"
