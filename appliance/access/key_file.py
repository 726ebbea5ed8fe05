"""The file of API keys: JSON that holds what is kept of each, and never a key.

Keys that have expired or were revoked stay in it: their ids name tasks, and are not given out again.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import AfterValidator

from appliance.access.api_key import ApiKey
from schemas import json, plain_file
from schemas.errors import ConfigurationError
from schemas.faults import reason

_MOST_BYTES = 16 << 20
_MODE = 0o600
# Whoever can write the file could write a key into it.
_WRITTEN_BY_OTHERS = 0o022
# Written into the lock beside the file. Where it is there and the file is not, the keys were lost: nobody may come in
# as if there had never been any.
_KEPT_ONCE = b"There are API keys in the file beside this one.\n"


def _apart(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("two keys have one id")
    return keys


class _Content(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Literal[1]
    keys: Annotated[tuple[ApiKey, ...], AfterValidator(_apart)]


def read(path: Path) -> tuple[ApiKey, ...]:
    """All keys of the file, none where there is no file and never was one.

    Raises ConfigurationError, which says what to do, for a file that cannot be read, is damaged, can be written by
    others, or has gone.
    """
    try:
        with plain_file.opened(path) as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        content = plain_file.read_json(path, _MOST_BYTES)
    except FileNotFoundError as error:
        if not _kept_once(path):
            return ()
        raise ConfigurationError(
            f"the API keys in {path} have gone: put the file back, or remove {_lock_of(path)} as well to begin anew"
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the API keys in {path} cannot be read: {reason(error)}") from error
    if mode & _WRITTEN_BY_OTHERS:
        raise ConfigurationError(f"others may write the API keys in {path}: chmod 600 {path}")
    try:
        return _Content.model_validate(content).keys
    except pydantic.ValidationError as error:
        raise ConfigurationError(
            f"the API keys in {path} are damaged: {reason(error)}; put back a copy that is whole"
        ) from error


@contextmanager
def changing(path: Path) -> Iterator[list[ApiKey]]:
    """The keys of the file, to be changed; written when the context ends without an error.

    Nobody else changes them meanwhile, and whoever reads them finds those before or those after. Raises
    ConfigurationError as `read` does, and where the file cannot be written.
    """
    from onnx_models.install.writing import write_atomically  # noqa: PLC0415

    path = path.resolve()
    with _locked(path) as lock:
        keys = list(read(path))
        yield keys
        content = _Content(version=1, keys=tuple(keys))
        write_atomically(path, json.encode(content.model_dump(mode="json"), indent=True) + b"\n", _MODE)
        os.pwrite(lock, _KEPT_ONCE, 0)
        if os.geteuid() == 0:
            # Made by root for a service that is not: it belongs to whom the folder belongs to.
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
            os.fchown(lock, owner.st_uid, owner.st_gid)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Holds the lock of the file at `path`, as a descriptor."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be written to: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _kept_once(path: Path) -> bool:
    try:
        return _lock_of(path).stat().st_size > 0
    except OSError:
        return False
