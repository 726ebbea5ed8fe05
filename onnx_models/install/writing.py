"""Files that are there whole or not at all, whatever happens while they are written."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from schemas.errors import ConfigurationError

_BLOCK_BYTES = 1 << 20
# What a full disk, a used-up quota and a limit on the size of files are called.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def require_writable(path: Path) -> None:
    """Raises ConfigurationError when `path` could not be written, before work is done for it; leaves nothing behind.

    Permissions alone do not tell: a file system may be read-only, and root may write anywhere else.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder and cannot be written as a file")
    folder = next(place for place in path.absolute().parents if place.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be written to: {error.strerror}") from error


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` beside `path` and move it there once it is on disk: a reader sees the old file or the new one.

    Raises ConfigurationError when the folder cannot be written to.
    """
    with replacing(path, mode) as file:
        file.write(content)


def copy_verified(
    source: BinaryIO, path: Path, size: int, sha256: str, what: str, *, accept: Callable[[Path], None] = lambda _: None
) -> None:
    """The next `size` bytes of `source` as the file `path`, once they were found to be those of `sha256`.

    `accept` sees them in a file of another name, and may raise. Raises ConfigurationError that begins with `what` when
    they are others, or when `source` ends before; whatever was raised, `path` is as it was.
    """
    digest, missing = hashlib.sha256(), size
    with replacing(path) as file:
        while missing:
            try:
                block = source.read(min(missing, _BLOCK_BYTES))
            except OSError as error:
                raise ConfigurationError(f"{what} could not be read: {error.strerror}") from error
            if not block:
                raise ConfigurationError(f"{what} ends after {size - missing} of {size} bytes")
            file.write(block)
            digest.update(block)
            missing -= len(block)
        if digest.hexdigest() != sha256:
            raise ConfigurationError(f"{what} is not as pinned: its SHA-256 is {digest.hexdigest()}, expected {sha256}")
        file.flush()
        accept(Path(file.name))


def remove_file(path: Path) -> None:
    """Deletes `path` where it is there. Raises ConfigurationError when it cannot be deleted."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} could not be removed: {error.strerror}") from error


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """An open file that takes the place of `path` when the block ends without an error, and vanishes otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be written to: {error.strerror}") from error
    partial = Path(name)
    os.close(descriptor)
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` survive a power cut, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritten(path: Path, error: OSError) -> ConfigurationError:
    """The refusal for a file that could not be written, with the cure where the disk is full."""
    cure = f"; make room in {path.parent}" if error.errno in _FULL else ""
    return ConfigurationError(f"{path} could not be written: {error.strerror}{cure}")
