"""Uploads on their way into the file store."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from io import BufferedWriter, FileIO
from typing import Protocol

from aiofiles.threadpool import wrap

from tasks.sealing import Sealer
from tasks.write_back import WriteBack

# What is kept back of an upload, to be written with what follows or with its end.
_GATHERED_BYTES = 1 << 18


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


class Upload:
    """An upload for an event loop: counts what is written, and hashes what is stored of it. Nobody else sees it before
    it is published."""

    def __init__(self, file: Incoming) -> None:
        self._file = file
        # All that a piece needs in one go: each way to a thread and back takes as long as hashing a hundred kilobytes.
        self._written = wrap(file)
        # One after the other in one place: of many small pieces, each would take more room than its bytes.
        self._gathered = bytearray()
        self.size = 0

    @property
    def sha256(self) -> bytes:
        """Of all of it, once it has ended."""
        return self._file.sha256

    async def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self._gathered or len(chunk) < _GATHERED_BYTES:
            self._gathered += chunk
            if len(self._gathered) < _GATHERED_BYTES:
                return
            chunk = bytes(self._gathered)
            self._gathered.clear()
        await self._written.write(chunk)

    async def end(self, then: Callable[[], None]) -> None:
        """Once all of it has come; it is on the disk when `then` is called, in the same thread."""
        await asyncio.to_thread(self._end, then)

    def _end(self, then: Callable[[], None]) -> None:
        self._file.write(bytes(self._gathered))
        self._file.end()
        then()
