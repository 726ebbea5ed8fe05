"""What has become of the files of a drop folder, as lines of JSON of which each is written at once.

A line that was cut off is passed over: what it told of is done again, and leaves the voiceprints that are there.
"""

import fcntl
import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from appliance.drop_folder.settled import Dropped, Version
from onnx_models.install.writing import write_atomically
from schemas import json
from schemas.errors import ConfigurationError

NAME = ".voiceprint-watch.ndjson"
REJECTS = "_rejects.ndjson"
# What `write_atomically` leaves of itself when it is killed.
_UNFINISHED = re.compile(r"\..+\.(?:vp|ndjson)\.[a-z0-9_]{8}")
_MONTH_MS = 30 * 24 * 3600 * 1000

State = Literal["begun", "done", "rejected"]


@dataclass(frozen=True, slots=True)
class Entry:
    """The last that is known of a file: `attempts` counts how often it was begun, `at` is in milliseconds since 1970
    UTC, `type` and `message` say why it was rejected."""

    version: Version
    state: State
    attempts: int
    at: int
    type: str = ""
    message: str = ""

    def line(self, name: str) -> bytes:
        told = {
            "file": name,
            "size": self.version.size,
            "mtime_ns": self.version.mtime_ns,
            "state": self.state,
            "attempts": self.attempts,
            "at": self.at,
        }
        why = {"type": self.type, "message": self.message} if self.state == "rejected" else {}
        return json.encode(told | why) + b"\n"


class Journal:
    """Of one folder of voiceprints, for one process at a time."""

    def __init__(self, out: Path) -> None:
        """Raises ConfigurationError when another process works there, OSError when it cannot be read or written."""
        self._out = out
        # The folder itself is what is locked: a file would be replaced under the lock.
        self._folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._folder)
            raise ConfigurationError(f"another `voiceprint watch` works in {out}: one at a time") from error
        self._entries = _read(out / NAME)
        self._listed: Collection[str] = ()
        self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.close(self._file)
        os.close(self._folder)

    def begin(self, there: Collection[str], *, retry_rejects: bool) -> None:
        """Writes the journal anew, shorter: a line for each file of those that are `there`, or were done in the last
        month; without those that were rejected where `retry_rejects` is set. Removes what was not written to its end.
        """
        for path in self._out.rglob(".*"):
            if _UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)
        long_ago = _now() - _MONTH_MS
        self._entries = {
            name: entry
            for name, entry in self._entries.items()
            if _is_kept(entry, there=name in there, long_ago=long_ago, retry_rejects=retry_rejects)
        }
        lines = [entry.line(name) for name, entry in self._entries.items()]
        write_atomically(self._out / NAME, b"".join(lines), 0o600)
        self._file = os.open(self._out / NAME, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._write_rejects()

    def entry(self, file: Dropped) -> Entry | None:
        """What is known of this version of a file."""
        found = self._entries.get(file.name)
        return found if found is not None and found.version == file.version else None

    def begun(self, file: Dropped) -> None:
        known = self.entry(file)
        self._note(file, "begun", 1 + (known.attempts if known else 0))

    def left(self, file: Dropped) -> None:
        """It was begun and is left as if it had not been."""
        known = self.entry(file)
        self._note(file, "begun", known.attempts - 1 if known else 0)

    def done(self, file: Dropped) -> None:
        self._note(file, "done", 1)
        if file.name in self._listed:
            self._write_rejects()

    def rejected(self, file: Dropped, kind: str, message: str) -> None:
        self._note(file, "rejected", 1, kind, message)
        self._write_rejects()

    def rejects(self) -> int:
        """How many files are rejected as they are."""
        return sum(entry.state == "rejected" for entry in self._entries.values())

    def _note(self, file: Dropped, state: State, attempts: int, kind: str = "", message: str = "") -> None:
        entry = Entry(file.version, state, attempts, _now(), kind, message)
        self._entries[file.name] = entry
        os.write(self._file, entry.line(file.name))

    def _write_rejects(self) -> None:
        rejected = {name: entry for name, entry in self._entries.items() if entry.state == "rejected"}
        path = self._out / REJECTS
        if rejected or path.exists():
            lines = [
                json.encode({"source": name, "type": entry.type, "message": entry.message}) + b"\n"
                for name, entry in rejected.items()
            ]
            write_atomically(path, b"".join(lines))
        self._listed = rejected.keys()


def _read(path: Path) -> dict[str, Entry]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[str, Entry] = {}
    for line in content.splitlines():
        try:
            told = json.decode(line)
            version = Version(told["size"], told["mtime_ns"])
            why = (told.get("type", ""), told.get("message", ""))
            found[told["file"]] = Entry(version, told["state"], told["attempts"], told["at"], *why)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _is_kept(entry: Entry, *, there: bool, long_ago: int, retry_rejects: bool) -> bool:
    if entry.state == "rejected":
        return there and not retry_rejects
    return there or entry.at > long_ago


def _now() -> int:
    return time.time_ns() // 1_000_000
