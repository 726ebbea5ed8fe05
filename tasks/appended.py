"""A file that is written from its beginning on, past the kernel's page cache as far as it is large.

Finding pages for what comes in can take a processor longer than all else that is done with an upload, and would push
out what others read.
"""

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Iterable
from io import FileIO

# What is written at once. Each thread that writes has as much room for it, in pages of its own as disks want it.
_BUFFER_BYTES = 1 << 20
# Less is not worth waiting for the disk.
_LEAST_BYTES = 1 << 17
_threads = threading.local()


class Appended:
    """The content of `file`, which is empty. Its methods raise OSError; they are for one thread at a time."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._rest = b""
        # Not every file system knows a direct way: there, all goes the usual one.
        self._knows_direct, self._is_direct = True, False

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
                    self._put(buffer, direct=True)
                    held = 0
        whole = held - held % mmap.PAGESIZE
        self._put(buffer[:whole], direct=whole >= _LEAST_BYTES)
        self._rest = bytes(buffer[whole:held])

    def end(self, pieces: Iterable[bytes]) -> None:
        """The rest; all of it is on the disk on return."""
        for piece in (self._rest, *pieces):
            self._put(memoryview(piece), direct=False)
        os.fsync(self._file.fileno())

    def _put(self, content: memoryview, *, direct: bool) -> None:
        while content:
            self._go_direct(direct and self._knows_direct)
            try:
                written = os.write(self._file.fileno(), content)
            except OSError as error:
                if not self._is_direct or error.errno != errno.EINVAL:
                    raise
                self._knows_direct = False
            else:
                content = content[written:]

    def _go_direct(self, wanted: bool) -> None:
        if wanted == self._is_direct:
            return
        flags = fcntl.fcntl(self._file, fcntl.F_GETFL) & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._file, fcntl.F_SETFL, flags | (os.O_DIRECT if wanted else 0))
        except OSError:
            self._knows_direct = False
        else:
            self._is_direct = wanted


def _buffer() -> memoryview:
    """That of the thread in which it is called."""
    made: memoryview | None = getattr(_threads, "buffer", None)
    if made is None:
        room = mmap.mmap(-1, _BUFFER_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        made = _threads.buffer = memoryview(room)
    return made
