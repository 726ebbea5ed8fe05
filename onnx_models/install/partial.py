"""A file that arrives in pieces: what has come is kept, also over the end of the process, until all is verified."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from onnx_models.install.writing import sync_folder, unwritten, write_atomically
from schemas.errors import ConfigurationError


class Partial:
    """The beginning of the file `target`, which will have `size` bytes and the hash `sha256`.

    It lies beside `target` under a name of its own that begins with a dot and ends in `.partial`, so that nobody takes
    it for a model. Raises ConfigurationError where the disk does not take it.
    """

    def __init__(self, descriptor: int, path: Path, target: Path, size: int, sha256: str) -> None:
        self._descriptor, self.path = descriptor, path
        self.target, self.size, self.sha256 = target, size, sha256
        self._validator_path = path.with_name(f"{path.name}.validator")
        self.done = os.fstat(descriptor).st_size
        if self.done > size:
            self.restart()

    @property
    def validator(self) -> str | None:
        """The entity tag or date by which the server knows the content that has begun to arrive."""
        try:
            found = self._validator_path.read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        return found if found.isprintable() else None

    @property
    def missing(self) -> int:
        """How many bytes have not come yet."""
        return self.size - self.done

    def append(self, block: bytes) -> None:
        """Keep `block`, which follows on what is there."""
        rest = memoryview(block)
        while rest:
            try:
                written = os.pwrite(self._descriptor, rest, self.done)
            except OSError as error:
                raise unwritten(self.target, error) from error
            self.done += written
            rest = rest[written:]

    def restart(self, validator: str | None = None) -> None:
        """Forget what has come; what comes now is of the version that `validator` names."""
        os.ftruncate(self._descriptor, 0)
        self.done = 0
        self._validator_path.unlink(missing_ok=True)
        if validator is not None:
            write_atomically(self._validator_path, validator.encode("ascii"))

    def verified(self) -> bool:
        """Whether the hash of the whole file is right; otherwise it is dropped."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            right = hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        if not right:
            self.restart()
        return right

    def take_place(self) -> None:
        """Moves the file, which was verified, to `target`."""
        try:
            os.fchmod(self._descriptor, 0o644)
            os.fsync(self._descriptor)
            self.path.replace(self.target)
            sync_folder(self.target.parent)
        except OSError as error:
            raise unwritten(self.target, error) from error
        self._validator_path.unlink(missing_ok=True)

    def drop_when_empty(self) -> None:
        """Leaves nothing behind of a file of which nothing has come."""
        if not self.done:
            self.path.unlink(missing_ok=True)
            self._validator_path.unlink(missing_ok=True)


@contextmanager
def partial(target: Path, size: int, sha256: str, waiting: Callable[[], None] = lambda: None) -> Iterator[Partial]:
    """What has come of `target`, for this process alone; `waiting` is called when another one has it just now."""
    path = target.with_name(f".{target.name}.{sha256[:12]}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path, waiting)
    except OSError as error:
        raise ConfigurationError(f"{target.parent} cannot be written to: {error.strerror}") from error
    try:
        opened = Partial(descriptor, path, target, size, sha256)
        try:
            yield opened
        finally:
            opened.drop_when_empty()
    finally:
        os.close(descriptor)


def leftovers(target: Path) -> list[Path]:
    """Files of unfinished downloads of `target`."""
    return sorted(target.parent.glob(f".{target.name}.*.partial*"))


def _locked(path: Path, waiting: Callable[[], None]) -> int:
    """An open file at `path` that this process alone has locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever had it may have moved it to its place or dropped it meanwhile: then this is not it any more.
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one that lies at `path` now; asked once, as others move it at any moment."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
