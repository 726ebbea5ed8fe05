"""Writing past the kernel's page cache.

To find pages for what is written can take a processor longer than all else that is done with it, and pushes out what
others read.
"""

import errno
import fcntl
import mmap
import os
from contextlib import suppress


class Direct:
    """Writes to the file behind `descriptor`: past the cache what begins and ends where pages do, as disks want it, and
    the rest as ever; all of it where the file system knows no such way. It is for one thread at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._knows_direct, self._is_direct = True, False

    def put(self, content: memoryview, offset: int, *, past: bool = True) -> None:
        """All of `content` at `offset`; through the cache unless `past`. What goes past it lies in a `room`. Raises
        OSError."""
        while content:
            whole = not offset % mmap.PAGESIZE and not len(content) % mmap.PAGESIZE
            self._go_direct(past and whole and self._knows_direct)
            try:
                written = os.pwrite(self._descriptor, content, offset)
            except OSError as error:
                if not self._is_direct or error.errno != errno.EINVAL:
                    raise
                self._knows_direct = False
            else:
                content, offset = content[written:], offset + written

    def _go_direct(self, wanted: bool) -> None:
        if wanted == self._is_direct:
            return
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | (os.O_DIRECT if wanted else 0))
        except OSError:
            self._knows_direct = False
        else:
            self._is_direct = wanted


def room(size: int) -> memoryview:
    """So many bytes that begin where a page does."""
    made = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Of few large pages, where the kernel has them: each is looked up whenever a disk reads from it.
    with suppress(OSError):
        made.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(made)
