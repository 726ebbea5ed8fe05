"""Where the files of a backup lie until all of it was checked: near where they belong, so that they are only moved."""

import errno
import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from appliance.access import key_file
from appliance.backup import around
from appliance.backup.format import BATCH, INPUT, KEYS_FILE, MODELS, RESULT, SavedTask
from appliance.backup.reading import unpacked
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from tasks.files import LocalFileStore

_NAME = ".restoring"


class Staging:
    """The files of one backup, in order as they are taken."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._media, self._others = settings.store / _NAME, settings.data_dir / _NAME
        self._batches: list[Path] = []
        self._names: list[str] = []

    def __enter__(self) -> "Staging":
        # One that was killed has left its own.
        self._remove()
        for top in (self._media, self._others):
            try:
                # Where a link of that name was laid, nothing is made behind it.
                top.mkdir(mode=0o700)
            except OSError as error:
                raise ConfigurationError(f"{top} cannot be made: {error.strerror}; move away what is there") from error
        for folder in (self._media / INPUT, self._media / RESULT, self._others / BATCH):
            folder.mkdir(mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def take(self, name: str, blocks: Iterable[bytes]) -> int:
        """Writes one member, and returns its size in bytes. Raises ConfigurationError when it cannot be written."""
        is_media = name.startswith((INPUT, RESULT))
        path = (self._media if is_media else self._others) / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.writelines(blocks)
                size = file.tell()
        except OSError as error:
            from onnx_models.install.writing import unwritten  # noqa: PLC0415

            raise unwritten(path, error) from error
        if name.startswith(BATCH):
            self._batches.append(path)
        elif not is_media:
            self._names.append(name)
        return size

    def batches(self) -> Iterator[list[SavedTask]]:
        yield from map(self._tasks, self._batches)

    def require_room(self) -> None:
        """Raises ConfigurationError when anything would be overwritten."""
        for name in self._names:
            target = around.place(self._settings, name)
            if target.exists() and not filecmp.cmp(self._others / name, target, shallow=False):
                raise ConfigurationError(
                    f"{target} is there already and differs from the backup's, and nothing is ever overwritten: move "
                    "it away first"
                )

    def place(self) -> None:
        """Moves everything where it belongs. Raises ConfigurationError when it cannot."""
        files = LocalFileStore(self._settings.store)
        for staged in (self._media / INPUT).iterdir():
            _move(staged, files.input(staged.name))
        for staged in (self._media / RESULT).iterdir():
            task_id, _, attempt = staged.name.partition(".")
            _move(staged, files.result(task_id, int(attempt)))
        for name in self._names:
            staged = self._others / name
            if name.startswith(MODELS):
                staged.chmod(0o644)
            _move(staged, around.place(self._settings, name))
        if KEYS_FILE in self._names:
            key_file.mark_kept(around.keys_file(self._settings))

    def _tasks(self, path: Path) -> list[SavedTask]:
        return unpacked(path.name, path.read_bytes())

    def _remove(self) -> None:
        for folder in (self._media, self._others):
            shutil.rmtree(folder, ignore_errors=True)


def require_no_media(settings: Settings) -> None:
    """Raises ConfigurationError when there is any upload or result in the store."""
    for kind in (INPUT, RESULT):
        folder = settings.store / kind
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigurationError(
                f"{folder} holds files, and nothing is ever overwritten: restore into an empty store, or move it away"
            )


def _move(staged: Path, target: Path) -> None:
    from onnx_models.install.writing import replacing, unwritten  # noqa: PLC0415

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if filecmp.cmp(staged, target, shallow=False):
                return
        try:
            staged.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # The models may lie on another disk.
            with staged.open("rb") as source, replacing(target, mode=staged.stat().st_mode & 0o777) as file:
                shutil.copyfileobj(source, file)
    except OSError as error:
        raise unwritten(target, error) from error
