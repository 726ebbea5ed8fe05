"""The key ring: the appliance's own secrets by id, of which the newest makes and all of them check.

A ring is a TOML file that only its owner may read:

    [[key]]
    id = 1                                  # 1 to 2**32 - 1, each once; the highest is the current one
    secret = "Zm9y…"                        # 32 random bytes in Base64
    created = 2026-01-01T00:00:00Z

No secret is used as it is: every purpose has keys of its own, derived by HKDF-Expand with SHA-256 (RFC 5869, section
2.3; the secrets are uniformly random, so that there is nothing to extract).
"""

import hmac
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import pybase64

from schemas import plain_file
from schemas.errors import ConfigurationError

SECRET_BYTES = 32
MOST_KEY_ID = (1 << 32) - 1
_MOST_FILE_BYTES = 1 << 20
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
    """Secrets of 32 bytes by id, of which there is at least one."""

    secrets: Mapping[int, bytes] = field(repr=False)

    @property
    def current(self) -> int:
        return max(self.secrets)

    def derive(self, purpose: Purpose) -> Keys:
        info = _LABEL + purpose.encode() + b"\x01"
        return Keys(self.current, {number: hmac.digest(key, info, "sha256") for number, key in self.secrets.items()})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises ConfigurationError that says what is wrong with the file and what to do."""
        try:
            content = plain_file.read_toml(path, _MOST_FILE_BYTES)
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            raise ConfigurationError(
                f"the key ring {path} cannot be read: {error.strerror}; make one with `voiceprint keyring create`"
            ) from error
        except ValueError as error:
            raise ConfigurationError(f"the key ring {path} is not TOML: {error}") from error
        if mode & 0o077:
            raise ConfigurationError(f"others may read the key ring {path}: chmod 600 {path}")
        return cls(_secrets(path, content))


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
