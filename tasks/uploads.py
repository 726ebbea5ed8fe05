"""Uploads on their way into the file store."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from io import BufferedWriter, FileIO
from typing import Any, Protocol, TypeVar

from aiofiles.threadpool import wrap

from tasks.sealing import Sealer
from tasks.write_back import WriteBack

T = TypeVar("T")

# What is kept back of an upload, to be written with what follows or with its end: most recordings are no larger, and
# each way to a thread and back takes as long as hashing some hundred kilobytes.
_GATHERED_BYTES = 1 << 20
# What is kept back of all together; beyond it next to nothing is. Thousands may stand still in the middle.
_ALL_BYTES = 1 << 26
# Of smaller pieces, each would take more room than its bytes.
_PIECE_BYTES = 1 << 14


class Form(Protocol):
    """What makes of an upload, as it comes, what is stored of it."""

    def add(self, data: bytes, /) -> bytes:
        """What can be stored once `data` has come."""

    def end(self) -> bytes:
        """The rest, once all has come."""


class Incoming(BufferedWriter):
    """A file of what `form`, if there is one, makes of all that is written to it, hashed, and sealed if there is a
    `sealer`."""

    def __init__(self, file: FileIO, sealer: Sealer | None, form: Form | None) -> None:
        super().__init__(file)
        self._sealer = sealer
        self._form = form
        self._write_back = WriteBack(file.fileno())
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> bytes:
        return self._sha256.digest()

    def write(self, chunk: bytes) -> int:  # type: ignore[override]
        self._store(self._form.add(chunk) if self._form else chunk)
        return len(chunk)

    def _store(self, data: bytes) -> None:
        self._sha256.update(data)
        self._write_back.written(super().write(self._sealer.add(data) if self._sealer else data))

    def end(self) -> None:
        """Once all of it has come; it is on the disk on return."""
        if self._form:
            self._store(self._form.end())
        if self._sealer:
            super().write(self._sealer.end())
        self.flush()
        os.fsync(self.fileno())


@dataclass(slots=True)
class KeptBack:
    """How many bytes of all uploads wait to be written."""

    size: int = 0


class Upload:
    """An upload for an event loop: counts what is written, and hashes what is stored of it. Its file is `opened`, in a
    thread, with the first that is written; nobody else sees it before it is published. `kept_back` counts for all."""

    def __init__(self, opened: Callable[[], Incoming], kept_back: KeptBack) -> None:
        self._opened, self._kept_back = opened, kept_back
        self._file: Incoming | None = None
        self._gathered: list[bytes] = []
        self._small = bytearray()
        self._waiting = 0
        self.size = 0

    @property
    def sha256(self) -> bytes:
        """Of all of it, once it has ended."""
        assert self._file is not None  # noqa: S101  # it has ended
        return self._file.sha256

    async def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._waiting += len(chunk)
        self._kept_back.size += len(chunk)
        if len(chunk) < _PIECE_BYTES:
            self._small += chunk
        else:
            self._gathered += (*self._together(), chunk)
        if self._waiting >= (_GATHERED_BYTES if self._kept_back.size < _ALL_BYTES else _PIECE_BYTES):
            if self._file is None:
                self._file = await _ended(asyncio.to_thread(self._opened))
            await _ended(wrap(self._file).writelines(self._taken()))

    def drop(self) -> None:
        """What waits to be written is not wanted any more."""
        self._taken()

    async def end(self, then: Callable[[], None]) -> None:
        """Once all of it has come; it is on the disk when `then` is called, in the same thread."""
        await _ended(asyncio.to_thread(self._end, self._taken(), then))

    def _end(self, rest: list[bytes], then: Callable[[], None]) -> None:
        if self._file is None:
            self._file = self._opened()
        self._file.writelines(rest)
        self._file.end()
        then()

    def _taken(self) -> list[bytes]:
        """What waits to be written, and does no more."""
        taken, self._gathered = [*self._gathered, *self._together()], []
        self._kept_back.size -= self._waiting
        self._waiting = 0
        return taken

    def _together(self) -> list[bytes]:
        """The small pieces that waited, as one."""
        together, self._small = bytes(self._small), bytearray()
        return [together] if together else []


async def _ended(work: Coroutine[Any, Any, T]) -> T:
    """What is done in a thread, to its end: who is cancelled goes when nothing is done any more with the file."""
    doing = asyncio.create_task(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait((doing,))
        raise
