"""The file of API keys: JSON that holds what is kept of each, and never a key.

Keys that have expired or were revoked stay in it: their ids name tasks, and are not given out again.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import AfterValidator

from appliance.access.api_key import ApiKey
from schemas import json, plain_file, private_file
from schemas.errors import ConfigurationError
from schemas.faults import reason

_MOST_BYTES = 16 << 20
_MODE = 0o600
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

    Raises ConfigurationError, which says what to do, for a file that cannot be read, is damaged, belongs to another
    user, can be read or written by others, is a link, or has gone; and for one without keys where there were some.
    """
    try:
        with plain_file.opened(path, follow=False) as file:
            found = os.fstat(file.fileno())
            content = plain_file.decoded_json(plain_file.rest(file, _MOST_BYTES))
    except FileNotFoundError as error:
        if not _kept_once(path):
            return ()
        raise ConfigurationError(
            f"the API keys in {path} have gone: put the file back, or remove {_lock_of(path)} as well to begin anew"
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the API keys in {path} cannot be read: {reason(error)}") from error
    if fault := private_file.amiss(path, found):
        raise ConfigurationError(f"the API keys are not safe: {fault}")
    try:
        keys = _Content.model_validate(content).keys
    except pydantic.ValidationError as error:
        raise ConfigurationError(
            f"the API keys in {path} are damaged: {reason(error)}; put back a copy that is whole"
        ) from error
    if not keys and _kept_once(path):
        raise ConfigurationError(
            f"the API keys in {path} have gone: put the file back, or remove it and {_lock_of(path)} to begin anew"
        )
    return keys


@contextmanager
def changing(path: Path) -> Iterator[list[ApiKey]]:
    """The keys of the file, to be changed; written when the context ends without an error.

    Nobody else changes them meanwhile, and whoever reads them finds those before or those after. Raises
    ConfigurationError as `read` does, and where the file cannot be written.
    """
    from onnx_models.install.writing import write_atomically  # noqa: PLC0415

    with _locked(path) as lock:
        keys = list(read(path))
        yield keys
        content = _Content(version=1, keys=tuple(keys))
        write_atomically(path, json.encode(content.model_dump(mode="json"), indent=True) + b"\n", _MODE)
        if keys:
            os.pwrite(lock, _KEPT_ONCE, 0)


def mark_kept(path: Path) -> None:
    """Remembers that there are keys in the file at `path`, which was put there whole: should they go, they are missed.

    Raises ConfigurationError where that cannot be written.
    """
    with _locked(path) as lock:
        os.pwrite(lock, _KEPT_ONCE, 0)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Holds the lock of the file at `path`, as a descriptor."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with plain_file.no_link():
            descriptor = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    except OSError as error:
        raise ConfigurationError(f"{_lock_of(path)} cannot be written: {reason(error)}") from error
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
