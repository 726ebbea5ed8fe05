"""A file that is written from its beginning on, past the kernel's page cache as far as it is large."""

import mmap
import os
import threading
from collections.abc import Iterable
from io import FileIO

from tasks.direct import Direct, room

# What is written at once. Each thread that writes has as much room for it.
_BUFFER_BYTES = 1 << 20
# Less is not worth waiting for the disk.
_LEAST_BYTES = 1 << 17
_threads = threading.local()


class Appended:
    """The content of `file`, which is empty. Its methods raise OSError; they are for one thread at a time."""

    def __init__(self, file: FileIO) -> None:
        self._file, self._direct = file, Direct(file.fileno())
        self._size = 0
        self._rest = b""

    def add(self, pieces: Iterable[bytes]) -> None:
        """More of it, of which less than a page may be kept back."""
        buffer, held = _buffer(), 0
        for piece in (self._rest, *pieces):
            left = memoryview(piece)
            while left:
                taken = min(len(left), _BUFFER_BYTES - held)
                buffer[held : held + taken] = left[:taken]
                held, left = held + taken, left[taken:]
                if held == _BUFFER_BYTES:
                    self._put(buffer)
                    held = 0
        whole = held - held % mmap.PAGESIZE
        self._put(buffer[:whole], past=whole >= _LEAST_BYTES)
        self._rest = bytes(buffer[whole:held])

    def end(self, pieces: Iterable[bytes]) -> None:
        """The rest; all of it is on the disk on return."""
        for piece in (self._rest, *pieces):
            self._put(memoryview(piece), past=False)
        os.fsync(self._file.fileno())

    def _put(self, content: memoryview, *, past: bool = True) -> None:
        self._direct.put(content, self._size, past=past)
        self._size += len(content)


def _buffer() -> memoryview:
    """That of the thread in which it is called."""
    made: memoryview | None = getattr(_threads, "buffer", None)
    if made is None:
        made = _threads.buffer = room(_BUFFER_BYTES)
    return made
