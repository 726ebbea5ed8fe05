"""The append-only file: several processes write to it, one after the other, and each goes on where the last has ended.

What a writer finds amiss when it comes becomes an event of its own: bytes behind the last whole line (`audit.torn`),
and a log that is shorter than it was known to be (`audit.truncated`).
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from schemas.keyring import Keys
from tasks.audit.chain import Head, sealed
from tasks.audit.event import Event, Who
from tasks.audit.segments import created, following, is_at, last_line, last_of, locked, made_durable, read_head

# Some 200,000 events. A full file is renamed, and never deleted here.
SEGMENT_BYTES = 64 << 20


class AuditLog:
    """The log at `path`, for one thread of one process at a time. Every method raises OSError, TimeoutError among them,
    when the log cannot be written; then nothing of what was to be appended is in it."""

    def __init__(self, path: Path, keys: Keys, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._path = path
        self._keys = keys
        self._segment_bytes = segment_bytes
        self._file: int | None = None
        # Where the file ended, in bytes, when its last line was that of `_last`.
        self._end = -1
        self._last = Head()
        self._synced = Head()

    def append(self, events: Sequence[Event]) -> Head:
        """Adds a line for each event, and returns the head that they make. It is not yet durable."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._path) as kept:
            found, torn, file = self._followed()
            known = self._last if self._end >= 0 else max(self._last, read_head(kept), key=lambda head: head.n)
            amiss, lines, last = list(_amiss(torn, found, known)), [], found
            if torn and not torn.endswith(b"\n"):
                lines.append(b"\n")
            for event in (*amiss, *events):
                line, last = sealed(event, last, self._keys)
                lines.append(line)
            self._end, self._last = _written(file, b"".join(lines)), last
            # What could not be done now is done with the next event.
            with suppress(OSError):
                # The first lines come with a head at once: so a log without one is a log whose head was removed.
                self._complete(file, kept, noted=bool(amiss) or not read_head(kept).n)
        return last

    def _complete(self, file: int, kept: int, *, noted: bool) -> None:
        full = self._end >= self._segment_bytes
        if noted or full:
            os.fsync(file)
            os.pwrite(kept, self._last.encode(), 0)
            self._synced = self._last
        if full:
            self._path.replace(following(self._path))
            made_durable(self._path.parent)

    @property
    def unsynced(self) -> bool:
        """Whether something was appended here that may not be durable."""
        return self._synced != self._last

    def sync(self) -> None:
        """Makes durable what was appended here, and keeps the head that it made."""
        if self._file is None or not self.unsynced:
            return
        # The others may write meanwhile. A file that one of them has renamed is durable already.
        os.fsync(self._file)
        with locked(self._path) as kept:
            if read_head(kept).n < self._last.n:
                os.pwrite(kept, self._last.encode(), 0)
        self._synced = self._last

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _followed(self) -> tuple[Head, bytes, int]:
        """Where the log ends now, what is behind its last whole line, and the file to append to."""
        if self._file is None or not is_at(self._file, self._path):
            self.close()
            self._file = created(self._path, os.O_RDWR | os.O_APPEND)
            self._end = -1
        if os.fstat(self._file).st_size == self._end:
            return self._last, b"", self._file
        self._end = -1
        line, torn = last_line(self._file)
        return line.head if line else last_of(self._path), torn, self._file


def _written(file: int, data: bytes) -> int:
    """Appends all of it or nothing. Returns where the file ends."""
    before = os.fstat(file).st_size
    try:
        if os.write(file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.ftruncate(file, before)
        raise
    return before + len(data)


def _amiss(torn: bytes, found: Head, known: Head) -> Iterator[Event]:
    who = Who("process", name="audit")
    if torn:
        whole = torn.removesuffix(b"\n")
        which: dict[str, str | int] = {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
        yield Event("audit.torn", who, which, "noted")
    if found.n < known.n or (found.n == known.n and found.mac != known.mac):
        yield Event("audit.truncated", who, {"found": found.n, "known": known.n, "known_mac": known.mac.hex()}, "noted")
