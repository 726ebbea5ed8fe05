"""A file that is read once: nothing of it stays in the kernel's page cache.

To find a new page for all that is read takes a processor as long as all that makes a vector of a voiceprint, and pushes
out what others read; the pages of a moment ago are at hand.
"""

import os
from contextlib import suppress
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What is left behind at once. The kernel's larger pages reach over an end of it: they go with the next.
_EXTENT_BYTES = 1 << 22


class ReadOnce(FileIO):
    """A file that can be sought in. Of one that is shorter than an extent, the cache keeps what it likes."""

    def __init__(self, descriptor: int, mode: str = "rb") -> None:
        super().__init__(descriptor, mode)
        # What was read in one go since something was left behind.
        self._begin = self._end = 0

    def readinto(self, into: "WriteableBuffer") -> int:
        position = self.tell()
        if position != self._end or position - self._begin >= _EXTENT_BYTES:
            self._leave()
            self._begin = position
        count = super().readinto(into) or 0
        self._end = position + count
        return count

    def close(self) -> None:
        if not self.closed:
            self._leave()
        super().close()

    def _leave(self) -> None:
        if self._end - self._begin < _EXTENT_BYTES:
            return
        begin = max(self._begin - _EXTENT_BYTES, 0)
        # Advice: where the system takes none, the file is read like any other.
        with suppress(OSError):
            os.posix_fadvise(self.fileno(), begin, self._end - begin, os.POSIX_FADV_DONTNEED)
