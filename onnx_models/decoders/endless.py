"""An MP3 file without a count of its frames, shown to libsndfile so that it reads to the end.

libsndfile estimates the length of such a file from its size and its first frame, and then stops there: at a variable
bit rate most of the sound would be lost without a word. Shown a size beyond any file, it reads until there is no more.
"""

import os
from typing import BinaryIO

from onnx_models.decoders.tail import sound_end

# Any estimate from this size (at most 2,881 bytes hold at least 384 samples) is longer than a count of frames, which
# has 32 bits, can say.
_SHOWN_BYTES = 1 << 50
SHORTEST_ESTIMATE = 1 << 46
# Of trailing zeros these stay: they may belong to the last frame. After 1,024 the decoder gives up as if damaged.
_KEPT_ZEROS = 1000
# A count stands in the first frame, within its first bytes (side information is 32 bytes at most).
_FIRST_FRAME_BYTES = 64
_COUNTS = (b"Xing", b"Info", b"VBRI")
_ID3_HEADER_BYTES = 10


def counts_frames(file: BinaryIO) -> bool:
    """Whether the first frame of the MP3 `file` counts the frames. Moves the position of `file`."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(_FIRST_FRAME_BYTES)
        if not head.startswith(b"ID3") or len(head) < _ID3_HEADER_BYTES:
            return any(name in head for name in _COUNTS)
        # Four times seven bits; a footer is as long as the header.
        length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        start += length + _ID3_HEADER_BYTES * (2 if head[5] & 0x10 else 1)


class EndlessFile:
    """What libsndfile asks of a file, over `file`, which ends before its trailing tags."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = min(sound_end(file) + _KEPT_ZEROS, file.seek(0, os.SEEK_END))
        self._offset = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: _SHOWN_BYTES}
        self._offset = starts[whence] + offset
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer: memoryview) -> int:
        # The last 128 bytes are asked for in search of a tag, and must be there.
        if self._offset >= _SHOWN_BYTES - len(buffer):
            buffer[:] = bytes(len(buffer))
            return len(buffer)
        self._file.seek(self._offset)
        content = self._file.read(max(0, min(len(buffer), self._end - self._offset)))
        buffer[: len(content)] = content
        self._offset += len(content)
        return len(content)
