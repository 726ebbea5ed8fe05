"""Voiceprints kept on disk, so that a run that was interrupted goes on without uploading them again."""

import csv
import hashlib
import os
from pathlib import Path
from types import TracebackType

from appliance.shadow.remote import Heard
from onnx_models.install.writing import unwritten
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import reason

COLUMNS = ("file", "sha256", "model", "speech_length", "voiceprint")
_MOST_BYTES = 1 << 34


class Kept:
    """The voiceprints of one appliance in `FOLDER/<side>.csv`: a row for each recording, known by its content.

    `path` None keeps nothing. Raises ConfigurationError for a file that cannot be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, Heard] = {}
        self._file = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                self._read(path)
            # A voiceprint is biometric data: nobody else's to read.
            self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a", newline="")
            if not self._file.tell():
                csv.writer(self._file).writerow(COLUMNS)
        except OSError as error:
            raise ConfigurationError(f"--keep: {path}: {error.strerror}") from error

    def digest(self, recording: Path) -> str:
        """By which a recording is known here; empty where nothing is kept. Raises OSError when it cannot be read."""
        if self._path is None:
            return ""
        with plain_file.opened(recording) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def get(self, digest: str) -> Heard | None:
        return self._found.get(digest)

    def add(self, name: str, digest: str, heard: Heard) -> None:
        """Raises ConfigurationError when it cannot be written."""
        if self._path is None or self._file is None:
            return
        try:
            csv.writer(self._file).writerow((name, digest, heard.model, heard.speech_length, heard.voiceprint))
            self._file.flush()
        except OSError as error:
            raise unwritten(self._path, error) from error

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file:
            self._file.close()

    def _read(self, path: Path) -> None:
        try:
            text = plain_file.read_text(path, _MOST_BYTES)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"--keep: {path}: {reason(error)}") from error
        whole = text[: text.rfind("\n") + 1]
        try:
            head, *rows = csv.reader(whole.splitlines()) if whole else (list(COLUMNS),)
            if tuple(head) != COLUMNS:
                raise ConfigurationError(f"--keep: {path} is something else than kept voiceprints: give another folder")
            for _, digest, model, speech, voiceprint in rows:
                self._found[digest] = Heard(voiceprint, float(speech), model)
        except (csv.Error, ValueError) as error:
            raise ConfigurationError(f"--keep: {path} has a row that is no kept voiceprint: delete the file") from error
        if len(whole) < len(text):
            # The end of a run that was killed.
            os.truncate(path, len(whole.encode()))
