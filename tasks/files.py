"""The file store: uploads until their task ends, results until they expire or are erased.

`FileStore` is the seam for an object store; `LocalFileStore` is a folder, which several machines may share when it is a
mounted volume. Files are named by task id alone; what a client calls its file is never used. With keys they are sealed
as `tasks/sealing.py` says, from their first byte on. What was stored before there were keys is still read: whose
SHA-256 is that of the authenticated record can be nothing else.
"""

import errno
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from schemas import plain_file
from schemas.errors import ApplianceError, StorageFull
from schemas.keyring import Keys
from schemas.task import is_task_id
from tasks import sealing
from tasks.holding import hold, is_held
from tasks.results import Piece, outgoing
from tasks.sealing import SealedFile, Sealer, Unsealable
from tasks.uploads import Form, Incoming, KeptBack, Upload

_Content = TypeVar("_Content", FileIO, SealedFile)


class InputGone(ApplianceError):
    """The upload is no longer there: it was erased, or lost with its disk."""


class InputDamaged(ApplianceError):
    """The upload is not what was stored."""


class ResultGone(ApplianceError):
    """The result has expired or was erased."""


class ResultDamaged(ApplianceError):
    """The result file is not what was stored."""


class FileStore(Protocol):
    """Where media and results lie. Results belong to one attempt at a task, so a late one overwrites nothing.

    Ids may come from a Redis that others write to. Of what is no task's id there is no file: it is gone, erasing it
    does nothing, and storing it raises FileNotFoundError.
    """

    def upload(
        self, task_id: str, until: ExitStack | None = None, form: Form | None = None
    ) -> AbstractAsyncContextManager[Upload]:
        """Durable when the context ends without an exception, gone otherwise. What `form` makes of it, in threads, is
        stored in its place. Raises StorageFull.

        It is held until `until` is closed as well, if that is given: for as long as its task may still be submitted."""

    def is_held(self, task_id: str) -> bool:
        """Whether a process that lives, even one that is stopped, may still submit the task of that upload."""

    def open_input(self, task_id: str, sha256: bytes) -> FileIO:
        """The upload, unbuffered, at its beginning, with a descriptor that others may read it by; what was encrypted is
        in memory.

        Raises InputGone, and InputDamaged when its SHA-256 is not `sha256`."""

    def read_input(self, task_id: str, sha256: bytes) -> BinaryIO:
        """The upload at its beginning, which is not brought into memory: what was encrypted is decrypted as it is read.

        Raises as `open_input` does."""

    def erase_input(self, task_id: str) -> None: ...

    def write_result(self, task_id: str, attempt: int, data: bytes | Iterable[Piece]) -> tuple[int, bytes]:
        """Size and SHA-256 of the stored result, which is durable on return; pieces are written while the next are
        made. Raises StorageFull, and whatever they raise, and then nothing is stored."""

    def open_result(self, task_id: str, attempt: int, size: int, sha256: bytes) -> BinaryIO:
        """All of it was found to be what was stored; what was encrypted is decrypted as it is read.

        Raises ResultGone or ResultDamaged."""

    def result_mark(self, task_id: str, attempt: int) -> object:
        """Another one when the result was changed since, and None when it is gone. Does not look at what is in it."""

    def erase_result(self, task_id: str, attempt: int) -> None: ...

    def erase_results(self, task_id: str) -> None:
        """Those of all attempts, when nothing tells how many there were: looks at everything. Not for event loops."""

    def free_space(self) -> int:
        """Bytes that can still be written, here and beside it."""

    def sizes(self) -> dict[str, float]:
        """Bytes of uploads and of results, and of what is half written. Looks at everything; not for event loops."""

    def probe(self) -> None:
        """Raises OSError when nothing can be written."""

    def inputs(self) -> Iterable[str]:
        """The ids of the tasks that have an upload."""

    def results(self) -> Iterable[tuple[str, int]]:
        """The ids and attempts of which there is a result."""

    def abandoned(self) -> Iterable[str]:
        """The names of what is half written and has lost its process."""

    def erase_abandoned(self, name: str) -> None: ...


class LocalFileStore:
    """A folder with three others in it; see `FileStore`. What was sealed is read with `keys`, and what is written is
    sealed under the current one of them unless `encrypt` is off. `beside` is a folder whose disk counts as well: what
    else must be written there must not meet a full one first."""

    def __init__(
        self, root: Path, keys: Keys | None = None, *, encrypt: bool = True, beside: Path | None = None
    ) -> None:
        self._keys = keys
        self._encrypt = encrypt
        self._kept_back = KeptBack()
        self._beside = beside
        self._partial, self._inputs, self._results = (root / name for name in ("partial", "inputs", "results"))
        for folder in (self._partial, self._inputs, self._results):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @asynccontextmanager
    async def upload(
        self, task_id: str, until: ExitStack | None = None, form: Form | None = None
    ) -> AsyncIterator[Upload]:
        partial, final = _path(self._partial, task_id), self.input(task_id)
        with ExitStack() as published:

            def opened() -> Incoming:
                file = published.enter_context(FileIO(partial, "wb", opener=_private))
                hold(file.fileno())
                (until or published).callback(os.close, os.dup(file.fileno()))
                return Incoming(file, self._sealer(_input(task_id)), form)

            upload = Upload(opened, self._kept_back)
            try:
                with storage_errors():
                    yield upload
                    await upload.end(lambda: _publish(partial, final))
            except BaseException:
                upload.drop()
                partial.unlink(missing_ok=True)
                raise

    def is_held(self, task_id: str) -> bool:
        return is_held(self.input(task_id))

    def input(self, task_id: str) -> Path:
        """Where the upload lies. Raises FileNotFoundError for what is no task's id."""
        return _path(self._inputs, task_id)

    def result(self, task_id: str, attempt: int) -> Path:
        """Where the result of that attempt lies. Raises FileNotFoundError for what is no task's id."""
        return _path(self._results, task_id, attempt)

    def open_input(self, task_id: str, sha256: bytes) -> FileIO:
        return self._opened(task_id, sha256, sealing.in_memory)

    def read_input(self, task_id: str, sha256: bytes) -> BinaryIO:
        return io.BufferedReader(self._opened(task_id, sha256, _as_it_is), sealing.CHUNK_BYTES)

    def _opened(self, task_id: str, sha256: bytes, held: Callable[[SealedFile], _Content]) -> FileIO | _Content:
        try:
            return self._proved(self.input(task_id), _input(task_id), sha256, held)
        except FileNotFoundError as error:
            raise InputGone("the upload is no longer there") from error
        except Unsealable as error:
            raise InputDamaged(f"the stored upload {error.message}") from error

    def erase_input(self, task_id: str) -> None:
        with suppress(FileNotFoundError):
            self.input(task_id).unlink()

    def write_result(self, task_id: str, attempt: int, data: bytes | Iterable[Piece]) -> tuple[int, bytes]:
        partial, final = _path(self._partial, task_id, attempt), self.result(task_id, attempt)
        sealer = self._sealer(_result(task_id, attempt))
        try:
            with storage_errors(), FileIO(partial, "wb", opener=_private) as file, outgoing(file, sealer) as result:
                hold(file.fileno())
                for piece in (data,) if isinstance(data, bytes) else data:
                    result.add(piece)
                result.end()
                _publish(partial, final)
        finally:
            partial.unlink(missing_ok=True)
        return result.size, result.sha256

    def open_result(self, task_id: str, attempt: int, size: int, sha256: bytes) -> BinaryIO:
        try:
            content = self._proved(self.result(task_id, attempt), _result(task_id, attempt), sha256, _as_it_is)
        except FileNotFoundError as error:
            raise ResultGone("the result has expired or was erased") from error
        except Unsealable as error:
            raise ResultDamaged(f"the stored result {error.message}") from error
        if content.seek(0, os.SEEK_END) != size:
            content.close()
            raise ResultDamaged("the stored result was damaged")
        content.seek(0)
        return io.BufferedReader(content, sealing.CHUNK_BYTES)

    def result_mark(self, task_id: str, attempt: int) -> object:
        try:
            found = self.result(task_id, attempt).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def erase_result(self, task_id: str, attempt: int) -> None:
        with suppress(FileNotFoundError):
            self.result(task_id, attempt).unlink()

    def erase_results(self, task_id: str) -> None:
        for found, attempt in self.results():
            if found == task_id:
                self.erase_result(task_id, attempt)

    def _sealer(self, name: str) -> Sealer | None:
        return Sealer(self._keys, name) if self._keys and self._encrypt else None

    def _proved(
        self, path: Path, name: str, sha256: bytes, held: Callable[[SealedFile], _Content]
    ) -> FileIO | _Content:
        """The content of the file, at its beginning, once its SHA-256 was found to be `sha256`; if it is sealed, as it
        is `held`.

        Raises FileNotFoundError, and Unsealable whose message says what the file is instead.
        """
        stored = plain_file.opened(path)
        refused = Unsealable("was damaged")
        if sealing.is_sealed(stored):
            try:
                content = held(self._unsealed(stored, name))
                if _is_of(content, sha256):
                    return content
            except Unsealable as error:
                refused = error
            # An upload may begin like a sealed file and have been stored as it was.
            stored = plain_file.opened(path)
        if _is_of(stored, sha256):
            return stored
        raise refused

    def _unsealed(self, stored: FileIO, name: str) -> SealedFile:
        try:
            if self._keys is None:
                raise Unsealable("is encrypted, and there is no key ring")
            return SealedFile(stored, self._keys, name)
        except BaseException:
            stored.close()
            raise

    def sealed_with(self, key_id: int) -> int:
        """How many files can be read with that key only."""
        found = 0
        for folder in (self._inputs, self._results):
            for path in folder.iterdir():
                with suppress(FileNotFoundError), plain_file.opened(path) as file:  # it may end meanwhile
                    found += sealing.key_id(file) == key_id
        return found

    def free_space(self) -> int:
        folders = (self._inputs, self._beside) if self._beside else (self._inputs,)
        return min(shutil.disk_usage(folder).free for folder in folders)

    def sizes(self) -> dict[str, float]:
        folders = {"input": self._inputs, "result": self._results, "partial": self._partial}
        return {kind: float(sum(map(_size, os.scandir(folder)))) for kind, folder in folders.items()}

    def probe(self) -> None:
        with tempfile.TemporaryFile(dir=self._partial) as file:
            file.write(b"0")

    def inputs(self) -> Iterable[str]:
        return (path.name for path in self._inputs.iterdir() if is_task_id(path.name))

    def results(self) -> Iterable[tuple[str, int]]:
        for path in self._results.iterdir():
            task_id, _, attempt = path.name.rpartition(".")
            if is_task_id(task_id) and attempt.isdecimal():
                yield task_id, int(attempt)

    def abandoned(self) -> Iterable[str]:
        return (path.name for path in self._partial.iterdir() if not is_held(path))

    def erase_abandoned(self, name: str) -> None:
        (self._partial / name).unlink(missing_ok=True)


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0  # it has gone meanwhile


def _private(path: str, flags: int) -> int:
    """Makes a file for its owner alone, whatever the mask of the process."""
    return os.open(path, flags, 0o600)


def _path(folder: Path, task_id: str, attempt: int | None = None) -> Path:
    """Where in `folder` the upload, or the result of that attempt, lies. Nothing else makes a path of an id.

    Raises FileNotFoundError for what is no task's id, and might lead anywhere.
    """
    if not is_task_id(task_id):
        raise FileNotFoundError(errno.ENOENT, "no task is called that", task_id)
    return folder / (task_id if attempt is None else _attempt(task_id, attempt))


def _attempt(task_id: str, attempt: int) -> str:
    return f"{task_id}.{attempt}"


def _input(task_id: str) -> str:
    """What an upload is called where it is sealed."""
    return f"upload {task_id}"


def _result(task_id: str, attempt: int) -> str:
    return f"result {_attempt(task_id, attempt)}"


def _as_it_is(sealed: SealedFile) -> SealedFile:
    return sealed


def _is_of(content: FileIO | SealedFile, sha256: bytes) -> bool:
    """Whether that is the hash of all of it; if so it is at its beginning, and closed otherwise."""
    matches, found = False, hashlib.sha256()
    try:
        # hashlib.file_digest clears a quarter of a megabyte first, which for most results is most of the work.
        while piece := content.read(sealing.CHUNK_BYTES):
            found.update(piece)
        matches = found.digest() == sha256
    finally:
        if not matches:
            content.close()
    if matches:
        content.seek(0)
    return matches


def _publish(partial: Path, final: Path) -> None:
    """Rename into place and make the name itself durable."""
    partial.replace(final)
    folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Around writing into the store folder. Raises StorageFull instead of the system's own error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("the disk that holds the store folder is full") from error
        raise
