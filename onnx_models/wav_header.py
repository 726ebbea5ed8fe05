"""How much sound a WAV file promises and how much it holds: libsndfile silently takes the smaller of the two."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_UNKNOWN_32 = 0xFFFFFFFF
_UNKNOWN_64 = 0xFFFFFFFFFFFFFFFF
# SoX writes this, less what does not fill a sample frame, when it writes to a pipe.
_SOX_UNKNOWN = 0x7FFFF000
# Between the header and the sound there are a handful of chunks; a file of nothing but chunks is no reason to go on.
_MOST_CHUNKS = 1000


@dataclass(frozen=True, slots=True)
class DataChunk:
    """Lengths in bytes of the sound, `promised` by the header and `found` in the file, and its bytes per second."""

    promised: int
    found: int
    bytes_per_second: int

    @property
    def truncated(self) -> bool:
        return self.found < self.promised

    @property
    def unfinished(self) -> bool:
        """Whether sound follows a length of 0: the writer never came back to say how much."""
        return self.promised == 0 < self.found


def read_data_chunk(file: BinaryIO, file_bytes: int) -> DataChunk | None:
    """The sound of the WAV, WAVEX or RF64 `file`, or None when no such chunk is found.

    A writer into a pipe cannot know the length and says so by known values (all ones; SoX's own): such a file promises
    what it holds.
    """
    file.seek(0)
    riff, riff_bytes, _ = struct.unpack("<4sI4s", file.read(12))
    long_data_bytes = 0
    bytes_per_second = 0
    for _ in range(_MOST_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        name, length = struct.unpack("<4sI", chunk)
        body = file.tell()
        if name == b"ds64":
            _, long_data_bytes = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
        elif name == b"fmt ":
            bytes_per_second = struct.unpack_from("<I", file.read(16).ljust(16, b"\0"), 8)[0]
        elif name == b"data":
            found = file_bytes - body
            promised = long_data_bytes if riff == b"RF64" and length == _UNKNOWN_32 else length
            if _length_unknown(riff_bytes, promised, bytes_per_second):
                promised = found
            if promised > 0 or _chunk_follows(file, found):
                found = min(found, promised)
            return DataChunk(promised, found, bytes_per_second)
        # Chunks are padded to even lengths.
        file.seek(body + length + length % 2)
    return None


def _chunk_follows(file: BinaryIO, rest_bytes: int) -> bool:
    """Whether what comes next is the end of the file or a chunk that fits into it, and not sound."""
    chunk = file.read(8)
    if len(chunk) < 8:
        return True
    name, length = struct.unpack("<4sI", chunk)
    return all(0x20 <= byte < 0x7F for byte in name) and length <= rest_bytes - 8


def _length_unknown(riff_bytes: int, data_bytes: int, bytes_per_second: int) -> bool:
    if data_bytes in (_UNKNOWN_32, _UNKNOWN_64):
        return riff_bytes == _UNKNOWN_32
    # A sample frame is never longer than a second.
    return data_bytes <= riff_bytes and 0 <= _SOX_UNKNOWN - data_bytes < max(1, bytes_per_second)
