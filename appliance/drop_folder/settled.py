"""Which files of a drop folder are whole: nobody writes them any more.

The folder is looked at every so often. Being told of changes by the system would be sooner, but not on folders of other
machines, and never when nobody listened: looking has to be right in any case.
"""

import errno
import fcntl
import os
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What is downloaded or copied under a name of its own first.
_PARTIAL = frozenset(".part .partial .tmp .temp .crdownload .filepart .swp".split())  # noqa: SIM905  # one a word reads best
# Errors with which a file system says that it knows no leases, or none for us.
_NO_LEASE = {errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOLCK, errno.EOPNOTSUPP}


@dataclass(frozen=True, slots=True)
class Version:
    """What a file was like: another version of it has another length in bytes, or was written at another time."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file, and where it is below the folder."""

    below: Path
    path: Path
    version: Version

    @property
    def name(self) -> str:
        return written(self.below)


def written(path: Path) -> str:
    """A path as it can be printed, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="backslashreplace")


def dropped(folder: Path) -> list[Dropped]:
    """Plain files below `folder`, the oldest first; without voiceprints, and without names and folders that begin with
    a dot or an underscore or end like those of unfinished downloads."""
    found = [
        Dropped(path.relative_to(folder), path, version)
        for path in _walk(folder)
        if path.suffix.lower() not in {".vp", *_PARTIAL} and (version := version_of(path)) is not None
    ]
    return sorted(found, key=lambda one: (one.version.mtime_ns, one.name))


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (Path(place, name) for name in names if not name.startswith((".", "_")))


def version_of(path: Path) -> Version | None:
    """None for what is no plain file, or not there any more."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Version(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


class Settling:
    """Knows since when each file is as it is."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, tuple[Version, float]] = {}
        # Sent to whoever holds a lease when somebody else wants to write.
        signal.signal(signal.SIGIO, signal.SIG_IGN)

    def is_settled(self, file: Dropped) -> bool:
        """Whether it has not changed for so many seconds, as far as its own time or our looking tells, and nobody of
        this machine has it open for writing."""
        now = time.monotonic()
        version, since = self._since.get(file.name, (None, now))
        if version != file.version:
            since = now
            self._since[file.name] = file.version, now
        # Either clock may be wrong: that of another machine, which wrote the time, or ours, which has only just begun.
        age = time.time() - file.version.mtime_ns / 1e9
        if max(age, now - since) < self._seconds or _is_open_for_writing(file.path):
            return False
        self._since.pop(file.name, None)
        return True


def _is_open_for_writing(path: Path) -> bool:
    """Asked by a lease, which Linux grants only for files that nobody writes; False where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno not in _NO_LEASE
    finally:
        os.close(descriptor)
    return False
