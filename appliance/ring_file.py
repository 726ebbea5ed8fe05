"""The key ring's file: made, and changed while others read it. Its keys are never lost on the way."""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pybase64

from appliance.ownership import require_own
from appliance.rewriting import rewrite
from appliance.settings import Settings
from onnx_models.install import writing
from schemas.errors import ConfigurationError
from schemas.keyring import MOST_KEY_ID, SECRET_BYTES, KeyRing

_OPENING = """\
# The key ring of a voiceprint appliance. Whoever can read this file can read its store and sign in its name.
# `voiceprint keyring` adds and drops keys. Keep a copy apart from every backup of the data.
"""


def create(path: Path) -> None:
    """A ring with one key, for its owner alone. Raises ConfigurationError when there is a file already."""
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder: name the file, as {path / 'key-ring.toml'}")
    require_own(path.parent)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{path} is there already and was left as it is: add a key to it with `voiceprint keyring rotate`"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_text(*_with_new({}, {}, 1)))
            file.flush()
            os.fsync(descriptor)
        writing.sync_folder(path.parent)
    except OSError as error:
        path.unlink()
        raise writing.unwritten(path, error) from error


def rotate(path: Path) -> int:
    """Adds a key, which becomes the current one, and returns its id. Raises ConfigurationError."""
    with _changing(path) as ring:
        if ring.current >= MOST_KEY_ID:
            raise ConfigurationError(
                f"key {ring.current} of the key ring {path} has the highest id that there is: no key can be added to it"
            )
        number = ring.current + 1
        rewrite(path, _text(*_with_new(ring.secrets, ring.created, number)))
    return number


def drop(path: Path, number: int) -> None:
    """Takes a key out of the ring. Raises ConfigurationError when it is not there or is the current one."""
    with _changing(path) as ring:
        require_droppable(ring, number)
        rewrite(path, _text({key: secret for key, secret in ring.secrets.items() if key != number}, ring.created))


def require_droppable(ring: KeyRing, number: int) -> None:
    """Raises ConfigurationError when key `number` cannot be taken out of the ring."""
    if number not in ring.secrets:
        raise ConfigurationError(f"there is no key {number} in the key ring {ring.path}")
    if number == ring.current:
        # Besides, the next one would have its id again.
        raise ConfigurationError(f"key {number} is the current one: `voiceprint keyring rotate` first, then drop it")


def holding(settings: Settings, path: Path) -> Path | None:
    """The folder of data inside which the ring lies, if it does: a backup of that folder holds the ring as well."""
    folders = (settings.data_dir, settings.store)
    return next((folder for folder in folders if path.resolve().is_relative_to(folder.resolve())), None)


@contextmanager
def _changing(path: Path) -> Iterator[KeyRing]:
    """The ring as it is, while nobody else changes it. The file itself is replaced, so its folder is what is held."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigurationError(f"the folder of {path} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield KeyRing.read(path)
    finally:
        os.close(folder)


def _with_new(
    known: Mapping[int, bytes], created: Mapping[int, datetime], number: int
) -> tuple[dict[int, bytes], dict[int, datetime]]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {**known, number: secrets.token_bytes(SECRET_BYTES)}, {**created, number: now}


def _text(known: Mapping[int, bytes], created: Mapping[int, datetime]) -> bytes:
    """The ring as TOML, the oldest key first."""
    lines = [_OPENING]
    for number, secret in sorted(known.items()):
        lines.append(f'\n[[key]]\nid = {number}\nsecret = "{pybase64.b64encode_as_string(secret)}"\n')
        if made := created.get(number):
            lines.append(f"created = {made.isoformat().replace('+00:00', 'Z')}\n")
    return "".join(lines).encode()
