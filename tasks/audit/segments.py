"""The files of an audit log: `audit.log`, to which is appended, before it `audit.log.1`, `audit.log.2` …, oldest first,
and beside them `audit.log.head`, the kept head, which is also what writers lock.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from schemas import plain_file
from tasks.audit.chain import Head, Line, read

# A writer holds the lock for microseconds; one that was stopped while it did must not stop the others with it.
_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.001
_FIRST_LOOK_BYTES = 1 << 13


def kept_head(path: Path) -> Path:
    """The file with the kept head of the log at `path`."""
    return path.with_name(f"{path.name}.head")


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def earlier(path: Path) -> list[Path]:
    """The files that came before the one at `path`, oldest first."""
    numbers = (found.name.removeprefix(f"{path.name}.") for found in path.parent.glob(f"{path.name}.*"))
    return [numbered(path, number) for number in sorted(int(text) for text in numbers if text.isdecimal())]


def numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def following(path: Path) -> Path:
    """Where the file at `path` goes when it is full."""
    names = earlier(path)
    return numbered(path, int(names[-1].suffix[1:]) + 1 if names else 1)


def created(path: Path, flags: int) -> int:
    """A descriptor of the file at `path`, which is made where there is none, for its owner alone."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    with plain_file.no_link():
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            # Several may come at one time: whoever is late opens what the first has made.
            with suppress(FileExistsError):
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
                made_durable(path.parent)
                return descriptor
            return os.open(path, flags)


def made_durable(folder: Path) -> None:
    """The names in `folder`, as they are now."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Holds the log at `path`, and gives a descriptor of the file with its kept head. Raises OSError, TimeoutError
    among them."""
    end = time.monotonic() + _PATIENCE_SECONDS
    name = kept_head(path)
    while True:
        descriptor = _read_only(name) if shared else created(name, os.O_RDWR)
        try:
            _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, end)
            # Someone may have removed it meanwhile, and others lock another.
            if is_at(descriptor, name):
                yield descriptor
                return
        finally:
            # A process that was forked meanwhile has the file open as well, and would hold the lock with it.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _read_only(path: Path) -> int:
    with plain_file.no_link():
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _lock(descriptor: int, how: int, end: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the audit log") from error
        time.sleep(_PAUSE_SECONDS)


def require_writable(path: Path) -> None:
    """Raises OSError where nothing could be appended to the log at `path` for want of rights, a folder or the lock.
    Makes the folder and the file that is locked, and no log."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(path), suppress(FileNotFoundError):
        os.close(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC))


def read_head(descriptor: int) -> Head:
    """The kept head; that of an empty log where none was kept yet, or it cannot be read."""
    try:
        return Head.decode(os.pread(descriptor, 4096, 0))
    except ValueError:
        return Head()


def last_line(descriptor: int) -> tuple[Line | None, bytes]:
    """The last whole line of a file, and what is behind it."""
    size = os.fstat(descriptor).st_size
    look = _FIRST_LOOK_BYTES
    while True:
        start = max(0, size - look)
        tail = os.pread(descriptor, size - start, start)
        end = len(tail)
        while (stop := tail.rfind(b"\n", 0, end)) >= 0:
            begin = tail.rfind(b"\n", 0, stop) + 1
            # The first line of what was read may have begun before it.
            if (begin or not start) and (line := read(tail[begin : stop + 1])):
                return line, tail[stop + 1 :]
            end = stop
        if not start:
            return None, tail
        look *= 8


def last_of(path: Path) -> Head:
    """Where the newest file before the one at `path` ends."""
    for name in reversed(earlier(path)):
        with plain_file.opened(name, follow=False) as file:
            line, _ = last_line(file.fileno())
        if line:
            return line.head
    return Head()
