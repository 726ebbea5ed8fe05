"""Uploads on their way into the file store."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import chain
from typing import Protocol

from tasks.appended import Appended
from tasks.sealing import Sealer

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


class Incoming:
    """What `form`, if there is one, makes of an upload on its way into `file`: hashed, and sealed if there is a
    `sealer`."""

    def __init__(self, file: FileIO, sealer: Sealer | None, form: Form | None) -> None:
        self._content = Appended(file)
        self._sealer = sealer
        self._form = form
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> bytes:
        return self._sha256.digest()

    def add(self, pieces: Iterable[bytes]) -> None:
        self._content.add(self._stored(pieces))

    def end(self, pieces: Iterable[bytes]) -> None:
        """The rest; all of it is on the disk on return."""
        self._content.end(chain(self._stored(pieces), self._last()))

    def _stored(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            data = self._form.add(piece) if self._form else piece
            self._sha256.update(data)
            yield self._sealer.add(data) if self._sealer else data

    def _last(self) -> Iterator[bytes]:
        if self._form:
            data = self._form.end()
            self._sha256.update(data)
            yield self._sealer.add(data) if self._sealer else data
        if self._sealer:
            yield self._sealer.end()


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
            taken = self._taken()
            await _in_thread(lambda: self._begun().add(taken))

    def drop(self) -> None:
        """What waits to be written is not wanted any more."""
        self._taken()

    async def end(self, then: Callable[[], None]) -> None:
        """Once all of it has come; it is on the disk when `then` is called, in the same thread."""
        rest = self._taken()

        def end() -> None:
            self._begun().end(rest)
            then()

        await _in_thread(end)

    def _begun(self) -> Incoming:
        if self._file is None:
            self._file = self._opened()
        return self._file

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


async def _in_thread(work: Callable[[], None]) -> None:
    """Does that to its end: who is cancelled goes when nothing is done any more with the file."""
    doing = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait((doing,))
        raise
