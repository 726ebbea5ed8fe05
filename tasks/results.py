"""Results on their way into the file store: written, and sealed, beside the work that makes and hashes them."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO

from tasks.sealing import Sealer
from tasks.write_back import WriteBack

# A thread takes longer to start than less to write.
_LARGE_BYTES = 1 << 18
# How many pieces may wait to be written.
_AHEAD = 4

Piece = bytes | memoryview


class Outgoing:
    """One result, which `file` is to hold."""

    def __init__(self, file: FileIO, sealer: Sealer | None, thread: ThreadPoolExecutor) -> None:
        self.size = 0
        self._file, self._sealer, self._thread = file, sealer, thread
        self._sha256 = hashlib.sha256()
        self._waiting: deque[Future[None]] = deque()
        self._write_back = WriteBack(file.fileno())

    @property
    def sha256(self) -> bytes:
        return self._sha256.digest()

    def add(self, piece: Piece) -> None:
        """More of it, which must not change any more. Raises OSError, also for what was added before."""
        if len(self._waiting) == _AHEAD:
            self._waiting.popleft().result()
        large = memoryview(piece).nbytes >= _LARGE_BYTES
        if large or self._waiting:
            self._waiting.append(self._thread.submit(self._write, piece))
        else:
            self._write(piece)
        self._sha256.update(piece)
        self.size += memoryview(piece).nbytes

    def end(self) -> None:
        """All of it is on the disk on return. Raises OSError."""
        while self._waiting:
            self._waiting.popleft().result()
        if self._sealer:
            self._put(self._sealer.end())
        os.fsync(self._file.fileno())

    def _write(self, piece: Piece) -> None:
        self._put(self._sealer.add(piece) if self._sealer else piece)

    def _put(self, data: Piece) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            written = self._file.write(rest) or 0
            self._write_back.written(written)
            rest = rest[written:]


@contextmanager
def outgoing(file: FileIO, sealer: Sealer | None) -> Iterator[Outgoing]:
    """A result for `file`; of one that did not come to its end nothing is written any more when the context ends."""
    with ThreadPoolExecutor(1, thread_name_prefix="result") as thread:
        yield Outgoing(file, sealer, thread)
