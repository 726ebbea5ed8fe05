"""Where an appliance is reached and what it wants to see before it opens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import reason

_MOST_KEY_BYTES = 1 << 16
# What belongs to the request itself.
_OWN = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "expect"})


@dataclass(frozen=True, slots=True)
class Door:
    """The address of an appliance without its path, what it is called, and the headers that every call carries."""

    name: str
    url: str
    headers: Mapping[str, str]


def door(name: str, url: str, key_file: Path | None, headers: Sequence[str]) -> Door:
    """The door of the option `--<name>`. `headers` are `NAME:VALUE`. Raises ConfigurationError for what is none."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"--{name}: {url} is no address: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(f"--{name}: {url} is no address such as http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        # A password in an address ends in messages and lists of processes.
        raise ConfigurationError(f"--{name}: scheme, host, port and path of the appliance, and nothing else")
    found = dict(_header(text) for text in headers)
    if key_file:
        found["Authorization"] = f"Bearer {read_key(key_file)}"
    # Somebody may have copied the whole address of an endpoint.
    return Door(name, url.partition("/api/")[0].rstrip("/"), found)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise ConfigurationError("--header: it is written NAME:VALUE")
    if not (value.isascii() and value.isprintable()):
        raise ConfigurationError(f"--header: the value of {name} has characters that no header may have")
    if name.lower() in _OWN:
        raise ConfigurationError(f"--header: {name} belongs to the request itself")
    return name, value


def read_key(path: Path) -> str:
    """The API key in a file. Raises ConfigurationError for a file that holds none, or more."""
    try:
        key = plain_file.read_text(path, _MOST_KEY_BYTES).strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {reason(error)}") from error
    if not key or not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError(f"{path} must hold the key, one word, and nothing else")
    return key
