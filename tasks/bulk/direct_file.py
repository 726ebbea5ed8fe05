"""A file that is written past the kernel's page cache, while its writer goes on: what a run in bulk leaves is written
once and read elsewhere."""

import io
import mmap
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.direct import Direct, room

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What is written at once; a multiple of it lies where every disk's blocks begin.
_BUFFER_BYTES = 1 << 22


class DirectFile(io.RawIOBase):
    """A new file at `path`, which can be sought in and not be read.

    Whatever fills no buffer is written like any other file's content, and all of it where the file system knows no
    direct way. Every method may raise the OSError of a write that was begun earlier. Raises FileExistsError.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._direct = Direct(self._descriptor)
        # One is filled while the other is written.
        self._buffers = deque(room(_BUFFER_BYTES) for _ in range(2))
        self._start = self._held = 0
        self._writer = ThreadPoolExecutor(1, "direct-file")
        self._under_way: Future[None] | None = None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def tell(self) -> int:
        return self._start + self._held

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.flush()
        if whence == os.SEEK_CUR:
            offset, whence = offset + self._start, os.SEEK_SET
        self._start = os.lseek(self._descriptor, offset, whence)
        return self._start

    def write(self, data: "ReadableBuffer") -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            # The next one begins where a page does.
            full = _BUFFER_BYTES - self._start % mmap.PAGESIZE
            taken = min(len(left), full - self._held)
            self._buffers[0][self._held : self._held + taken] = left[:taken]
            self._held, left = self._held + taken, left[taken:]
            if self._held == full:
                self._hand_over()
        return size

    def flush(self) -> None:
        if self.closed:
            return
        if self._held:
            self._hand_over()
        self._await()

    def sync(self) -> None:
        """Returns when all of it would outlast a power cut."""
        self.flush()
        os.fsync(self._descriptor)

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
        finally:
            # A write that is under way must not find another file behind the number.
            self._writer.shutdown()
            os.close(self._descriptor)

    def _hand_over(self) -> None:
        self._await()
        self._under_way = self._writer.submit(self._direct.put, self._buffers[0][: self._held], self._start)
        self._buffers.rotate()
        self._start, self._held = self._start + self._held, 0

    def _await(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
