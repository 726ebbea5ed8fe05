"""Reading an audit log from its first line to its last, as it was at one moment, while others write to it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from schemas import plain_file
from tasks.audit.chain import MOST_LINE_BYTES, Head, Line, read
from tasks.audit.segments import earlier, last_line, last_of, locked, read_head


@dataclass(slots=True)
class Unreadable:
    """Bytes between two lines, or behind the last, that are no line. `ended` is whether a line end is among them: a
    writer that was interrupted leaves none behind the last line."""

    size: int = 0
    ended: bool = False
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _held: bytes = b""

    def add(self, piece: bytes) -> None:
        # The line end behind them is not among them: the next writer may have put it there.
        whole = piece.removesuffix(b"\n")
        self._digest.update(self._held + whole)
        self.size += len(self._held + whole)
        self._held = piece[len(whole) :]
        self.ended = self.ended or bool(self._held)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Snapshot:
    """The log at `path` as it is when this is made; to be closed. Raises OSError, FileNotFoundError among them.

    `kept` is the kept head, that of an empty log where there is none. `there` is whether any file of the log is: where
    only its kept head is left, it has no lines.
    """

    def __init__(self, path: Path) -> None:
        self.kept = Head()
        with ExitStack() as held:
            # Without the lock, the last line may be one that is just being written.
            with suppress(FileNotFoundError, TimeoutError):
                self.kept = read_head(held.enter_context(locked(path, shared=True)))
            self._earlier = earlier(path)
            self._newest: BinaryIO | None = None
            with suppress(FileNotFoundError):
                self._newest = BufferedReader(plain_file.opened(path))
            self.there = bool(self._newest or self._earlier)
            if not self.there and not self.kept.n:
                raise FileNotFoundError(2, os.strerror(2), str(path))
            self._size = 0 if self._newest is None else os.fstat(self._newest.fileno()).st_size
        self.size = self._size + sum(name.stat().st_size for name in self._earlier)

    def close(self) -> None:
        if self._newest:
            self._newest.close()

    def lines(self) -> Iterator[tuple[Line | Unreadable, int]]:
        """Each line and all that is between two of them, with its length in bytes. Memory does not grow with the
        log."""
        unreadable, size = Unreadable(), 0
        for piece in self._pieces():
            if (line := read(piece)) is None:
                unreadable.add(piece)
                size += len(piece)
                continue
            if size:
                yield unreadable, size
                unreadable, size = Unreadable(), 0
            yield line, len(piece)
        if size:
            yield unreadable, size

    def _pieces(self) -> Iterator[bytes]:
        for name in self._earlier:
            with BufferedReader(plain_file.opened(name)) as file:
                yield from _of(os.fstat(file.fileno()).st_size, file)
        if self._newest:
            yield from _of(self._size, self._newest)


def _of(size: int, file: BinaryIO) -> Iterator[bytes]:
    left = size
    while left and (piece := file.readline(min(MOST_LINE_BYTES, left))):
        left -= len(piece)
        yield piece


def ending(path: Path) -> Head:
    """Where the log at `path` ends, made durable. Raises OSError, FileNotFoundError among them."""
    with locked(path, shared=True):
        try:
            with plain_file.opened(path) as file:
                os.fsync(file.fileno())
                line, _ = last_line(file.fileno())
        except FileNotFoundError:
            line = None
        return line.head if line else last_of(path)


def kept(path: Path) -> Head:
    """The kept head of the log at `path`. Raises OSError, FileNotFoundError among them."""
    with locked(path, shared=True) as descriptor:
        return read_head(descriptor)
