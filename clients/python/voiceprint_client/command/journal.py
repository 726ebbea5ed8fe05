"""How far a run of many recordings is, so that the same command again goes on where it was stopped or killed.

Lines of JSON, each written at once: a recording gets the key of its request before it is sent, so that it never becomes
two tasks, then its task, then what came of it. A line that was cut off counts as none.
"""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAME = ".voiceprint-client.ndjson"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one version of a recording: `key` of its request, `task` that it has become, the files of its
    voiceprints below the folder, None until it is done, and why it was refused."""

    size: int
    mtime_ns: int
    key: str
    task: str = ""
    done: tuple[str, ...] | None = None
    refused: str = ""


class Journal:
    """In the folder that the voiceprints go to."""

    def __init__(self, folder: Path, parameters: Mapping[str, str]) -> None:
        """Raises ValueError for a folder that was begun with other `parameters`, OSError when it cannot be used."""
        folder.mkdir(parents=True, exist_ok=True)
        begun, self._records = _read(folder / NAME)
        if begun is not None and begun != dict(parameters):
            raise ValueError(f"{folder} was begun with other options ({_shown(begun)}): name another folder for these")
        self._file = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        # After a line that was cut off.
        os.write(self._file, b"\n")
        if begun is None:
            self._write({"parameters": dict(parameters)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def record(self, name: str, path: Path) -> Record:
        """That of the recording as it is now; one with a new key where it is not known. Raises OSError."""
        found = path.stat()
        known = self._records.get(name)
        if known is not None and (known.size, known.mtime_ns) == (found.st_size, found.st_mtime_ns):
            return known
        return Record(found.st_size, found.st_mtime_ns, _new_key())

    def note(self, name: str, record: Record) -> Record:
        """Keeps what is known of a recording from now on."""
        self._records[name] = record
        self._write({"file": name, **{field: getattr(record, field) for field in Record.__slots__}})
        return record

    def anew(self, name: str, record: Record) -> Record:
        """The recording is sent again, as another request."""
        return self.note(name, replace(record, key=_new_key(), task=""))

    def done(self, name: str, files: Sequence[str]) -> None:
        """The recording that was noted last under this name has these files, whatever it is like by now."""
        self.note(name, replace(self._records[name], done=tuple(files)))

    def _write(self, document: Mapping[str, Any]) -> None:
        os.write(self._file, json.dumps(document).encode() + b"\n")


def tasks(folder: Path) -> list[str]:
    """Those that the recordings of a run have become, as far as they are known."""
    _, records = _read(folder / NAME)
    return [record.task for record in records.values() if record.task]


def _read(path: Path) -> tuple[dict[str, str] | None, dict[str, Record]]:
    """The parameters of a run, None where there was none, and what is known of its recordings."""
    parameters, records = None, dict[str, Record]()
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            told = json.loads(line)
            if "parameters" in told:
                parameters = told["parameters"]
            else:
                name, done = told.pop("file"), told.pop("done")
                records[name] = Record(**told, done=None if done is None else tuple(done))
        except (ValueError, KeyError, TypeError):
            continue
    return parameters, records


def _new_key() -> str:
    return str(uuid.uuid4())


def _shown(parameters: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items()) or "none"
