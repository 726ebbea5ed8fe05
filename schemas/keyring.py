"""The key ring: the appliance's own secrets by id, of which the newest makes and all of them check.

A ring is a TOML file that only its owner may read:

    [[key]]
    id = 1                                  # 1 to 2**32 - 1, each once; the highest is the current one
    secret = "Zm9y…"                        # 32 random bytes in Base64
    created = 2026-01-01T00:00:00Z

A key that is added becomes the current one of each process when that is started. Processes that were started before
keep their current key, and find the new one in the file when they meet what it has made: so they can be restarted one
after the other.

No secret is used as it is: every purpose has keys of its own, derived by HKDF-Expand with SHA-256 (RFC 5869, section
2.3; the secrets are uniformly random, so that there is nothing to extract).
"""

import hmac
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

import pybase64

from schemas import plain_file, private_file
from schemas.errors import ConfigurationError

SECRET_BYTES = 32
MOST_KEY_ID = (1 << 32) - 1
_MOST_FILE_BYTES = 1 << 20
_CURES: Mapping[type[OSError], str] = {
    FileNotFoundError: "; make one with `voiceprint keyring create`",
    PermissionError: "; run this as the user to whom it belongs",
}
_LABEL = b"voiceprint appliance 1: "

Purpose = Literal["voiceprint", "record", "store", "audit", "backup"]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one purpose, 32 bytes each, by id; `current` is the id of the one that makes, all of them check."""

    current: int
    by_id: Mapping[int, bytes] = field(repr=False)

    def mac(self, content: bytes, key_id: int | None = None) -> bytes:
        """HMAC-SHA256 of `content`, 32 bytes, under the current key or that of `key_id`. Raises KeyError."""
        return hmac.digest(self.by_id[self.current if key_id is None else key_id], content, "sha256")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Secrets of 32 bytes by id, of which there is at least one; `created` says when they were made, where that is
    known, and `path` where they were read."""

    secrets: Mapping[int, bytes] = field(repr=False)
    created: Mapping[int, datetime] = field(default_factory=dict)
    path: Path | None = None

    @property
    def current(self) -> int:
        return max(self.secrets)

    def derive(self, purpose: Purpose) -> Keys:
        return Keys(self.current, _Derived(self, _LABEL + purpose.encode() + b"\x01"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises ConfigurationError that says what is wrong with the file and what to do."""
        try:
            with plain_file.opened(path) as file:
                found = os.fstat(file.fileno())
                text = plain_file.rest(file, _MOST_FILE_BYTES)
            content = plain_file.toml(text)
        except OSError as error:
            cure = _CURES.get(type(error), "")
            raise ConfigurationError(f"the key ring {path} cannot be read: {error.strerror}{cure}") from error
        except ValueError as error:
            raise ConfigurationError(f"the key ring {path} is not TOML: {error}") from error
        if fault := private_file.amiss(path, found):
            raise ConfigurationError(f"the key ring cannot be used: {fault}")
        secrets = _secrets(path, content)
        given = ((entry["id"], entry.get("created")) for entry in content["key"])
        return cls(secrets, {number: made for number, made in given if isinstance(made, datetime)}, path)


class _Derived(Mapping[int, bytes]):
    """The keys of one purpose by id. One that is missing is looked for in the file, which may have come by it since."""

    def __init__(self, ring: KeyRing, info: bytes) -> None:
        self._info, self._path = info, ring.path
        self._seen: tuple[int, ...] = ()
        self._keys: dict[int, bytes] = {}
        self._add(ring)

    def __getitem__(self, number: int) -> bytes:
        if number not in self._keys:
            self._look_again()
        return self._keys[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def _look_again(self) -> None:
        """Anyone can name a key that is nowhere, so a file that has not changed is not read again."""
        if self._path is None:
            return
        # Whatever is wrong with the file now, the keys that were read stay good.
        with suppress(OSError, ConfigurationError):
            found = self._path.stat()
            seen = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode)
            if seen != self._seen:
                self._seen = seen
                self._add(KeyRing.read(self._path))

    def _add(self, ring: KeyRing) -> None:
        # A process never gives up a key, nor takes another one of the same id.
        added = {number: hmac.digest(key, self._info, "sha256") for number, key in ring.secrets.items()}
        self._keys = added | self._keys


def _secrets(path: Path, content: Mapping[str, Any]) -> dict[int, bytes]:
    entries = content.get("key")
    if not isinstance(entries, list) or not entries:
        raise ConfigurationError(f"the key ring {path} holds no [[key]]: make one with `voiceprint keyring create`")
    secrets: dict[int, bytes] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise ConfigurationError(f"the key ring {path}: a key is not a table")
        number, text = entry.get("id"), str(entry.get("secret"))
        if type(number) is not int or not 0 < number <= MOST_KEY_ID or number in secrets:
            raise ConfigurationError(f"the key ring {path}: every key needs an id of its own from 1 to {MOST_KEY_ID}")
        try:
            secret = pybase64.b64decode(text, validate=True)
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise ConfigurationError(
                f"the key ring {path}: the secret of key {number} is not {SECRET_BYTES} bytes in Base64"
            )
        secrets[number] = secret
    return secrets
