"""The file store: uploads until their task ends, results until they expire or are erased.

`FileStore` is the seam for an object store; `LocalFileStore` is a folder, which several machines may share when it is a
mounted volume. Files are named by task id alone; what a client calls its file is never used.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from schemas import plain_file
from schemas.errors import ApplianceError, StorageFull

# A file without a task is left alone for this long: its task may be about to be submitted.
_ORPHAN_SECONDS = 60.0
# Nobody writes for so long without a byte.
_SILENT_SECONDS = 3600.0


class InputGone(ApplianceError):
    """The upload is no longer there: it was erased, or lost with its disk."""


class InputDamaged(ApplianceError):
    """The upload is not what was stored."""


class ResultGone(ApplianceError):
    """The result has expired or was erased."""


class ResultDamaged(ApplianceError):
    """The result file is not what was stored."""


class Upload:
    """An upload on its way in: counts and hashes what is written. Nobody else sees it before its context ends."""

    def __init__(self, file: AsyncBufferedIOBase) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> bytes:
        return self._sha256.digest()

    async def write(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self.size += len(chunk)
        await self._file.write(chunk)


class FileStore(Protocol):
    """Where media and results lie. Results belong to one attempt at a task, so a late one overwrites nothing."""

    def upload(self, task_id: str) -> AbstractAsyncContextManager[Upload]:
        """Durable when the context ends without an exception, gone otherwise. Raises StorageFull."""

    def open_input(self, task_id: str, sha256: bytes) -> FileIO:
        """The upload, unbuffered, at its beginning, with a descriptor that others may read it by.

        Raises InputGone, and InputDamaged when its SHA-256 is not `sha256`."""

    def erase_input(self, task_id: str) -> None: ...

    def write_result(self, task_id: str, attempt: int, data: bytes) -> tuple[int, bytes]:
        """Size and SHA-256 of the stored result, which is durable on return. Raises StorageFull."""

    def open_result(self, task_id: str, attempt: int, size: int, sha256: bytes) -> BinaryIO:
        """Raises ResultGone or ResultDamaged."""

    def erase_result(self, task_id: str, attempt: int) -> None: ...

    def free_space(self) -> int:
        """Bytes that can still be written."""

    def probe(self) -> None:
        """Raises OSError when nothing can be written."""

    async def sweep(self, retention: float, still_open: Callable[[Sequence[str]], Awaitable[set[str]]]) -> int:
        """Removes what no task needs any more and returns how many files that were."""


class LocalFileStore:
    """A folder with three others in it; see `FileStore`."""

    def __init__(self, root: Path) -> None:
        self._partial, self._inputs, self._results = (root / name for name in ("partial", "inputs", "results"))
        for folder in (self._partial, self._inputs, self._results):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @asynccontextmanager
    async def upload(self, task_id: str) -> AsyncIterator[Upload]:
        partial = self._partial / task_id
        try:
            with storage_errors():
                async with aiofiles.open(partial, "wb") as file:
                    _hold(file.fileno())
                    yield Upload(file)
                    await file.flush()
                    await asyncio.to_thread(os.fsync, file.fileno())
            await asyncio.to_thread(_publish, partial, self._inputs / task_id)
        finally:
            partial.unlink(missing_ok=True)

    def input(self, task_id: str) -> Path:
        """Where the upload lies."""
        return self._inputs / task_id

    def open_input(self, task_id: str, sha256: bytes) -> FileIO:
        try:
            file = plain_file.opened(self.input(task_id))
        except FileNotFoundError as error:
            raise InputGone("the upload is no longer there") from error
        if hashlib.file_digest(file, "sha256").digest() != sha256:
            file.close()
            raise InputDamaged("the stored upload was damaged")
        file.seek(0)
        return file

    def erase_input(self, task_id: str) -> None:
        self.input(task_id).unlink(missing_ok=True)

    def write_result(self, task_id: str, attempt: int, data: bytes) -> tuple[int, bytes]:
        partial = self._partial / _attempt(task_id, attempt)
        try:
            with storage_errors(), partial.open("wb") as file:
                _hold(file.fileno())
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _publish(partial, self._results / partial.name)
        finally:
            partial.unlink(missing_ok=True)
        return len(data), hashlib.sha256(data).digest()

    def open_result(self, task_id: str, attempt: int, size: int, sha256: bytes) -> BinaryIO:
        try:
            file = (self._results / _attempt(task_id, attempt)).open("rb")
        except FileNotFoundError as error:
            raise ResultGone("the result has expired or was erased") from error
        if os.fstat(file.fileno()).st_size != size or hashlib.file_digest(file, "sha256").digest() != sha256:
            file.close()
            raise ResultDamaged("the stored result was damaged")
        file.seek(0)
        return file

    def erase_result(self, task_id: str, attempt: int) -> None:
        (self._results / _attempt(task_id, attempt)).unlink(missing_ok=True)

    def free_space(self) -> int:
        return shutil.disk_usage(self._inputs).free

    def probe(self) -> None:
        with tempfile.TemporaryFile(dir=self._partial) as file:
            file.write(b"0")

    async def sweep(self, retention: float, still_open: Callable[[Sequence[str]], Awaitable[set[str]]]) -> int:
        orphans = await asyncio.to_thread(_older_than, self._inputs, _ORPHAN_SECONDS)
        kept = await still_open([path.name for path in orphans])
        gone = [path for path in orphans if path.name not in kept]
        gone += await asyncio.to_thread(_older_than, self._results, retention + _ORPHAN_SECONDS)
        gone += await asyncio.to_thread(_abandoned, self._partial)
        for path in gone:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return len(gone)


def _hold(descriptor: int) -> None:
    """Marks a file as being written, until it is closed or its process dies, however it dies."""
    with suppress(OSError):  # not every file system can: there, the sweep waits longer
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _abandoned(folder: Path) -> list[Path]:
    """Files that nobody writes any more."""
    return [path for path in _older_than(folder, _ORPHAN_SECONDS) if not _is_held(path)]


def _is_held(path: Path) -> bool:
    try:
        with path.open("r+b") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False  # someone else removed it first
    except BlockingIOError:
        return True
    except OSError:
        # Where files cannot be held, it has lost its process when nothing has come for long.
        return path not in _older_than(path.parent, _SILENT_SECONDS)
    return False


def _attempt(task_id: str, attempt: int) -> str:
    return f"{task_id}.{attempt}"


def _publish(partial: Path, final: Path) -> None:
    """Rename into place and make the name itself durable."""
    partial.replace(final)
    folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _older_than(folder: Path, seconds: float) -> list[Path]:
    limit = time.time() - seconds
    old: list[Path] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # someone else removed it first
            if path.stat().st_mtime < limit:
                old.append(path)
    return old


@contextmanager
def storage_errors() -> Iterator[None]:
    """Around writing into the store folder. Raises StorageFull instead of the system's own error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("the disk that holds the store folder is full") from error
        raise
