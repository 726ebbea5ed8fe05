"""Large files begin to go to the disk while they are written, so that little is left to wait for at their end."""

import ctypes

# See sync_file_range(2), which Python does not have.
_WRITE = 2
_STEP_BYTES = 8 << 20
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)


class WriteBack:
    """Of the file of that descriptor, which is written from its beginning on. It makes nothing durable: that fsync does
    alone, and finds less to do."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun = self._size = 0

    def written(self, count: int) -> None:
        """So many bytes more are written."""
        self._size += count
        if self._size - self._begun >= _STEP_BYTES and _sync_file_range is not None:
            # Where a file system cannot, its fsync does all of it.
            start, length = ctypes.c_int64(self._begun), ctypes.c_int64(self._size - self._begun)
            _sync_file_range(self._descriptor, start, length, _WRITE)
            self._begun = self._size
