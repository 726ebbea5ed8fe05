"""What kinds of values settings have, and what each must be: a folder, a size, an origin.

They come as text from the environment, and as what TOML has for them from the file.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr

from appliance.webhooks.signing import signing_key


def _words(value: Any) -> Any:
    """`a, b` in the environment; a list in TOML."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _network(value: str) -> str:
    ipaddress.ip_network(value)
    return value


def _signing(value: SecretStr) -> SecretStr:
    signing_key(value.get_secret_value())
    return value


def _given(value: Any) -> Any:
    if value == "":
        raise ValueError("must not be empty")
    return value


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _without_slash(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url.rstrip("/")


def _origin(text: str) -> str:
    """As browsers write it: in lower case, without the port that its scheme has anyway."""
    parts = urlsplit(text.lower())
    if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc or parts.netloc.endswith(":"):
        raise ValueError("must be of the form https://desk.example or https://desk.example:8443")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "*" in parts.netloc:
        raise ValueError("an origin is scheme, host and port, without a path and without *")
    usual = parts.port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.rpartition(':')[0] if usual else parts.netloc}"


def _falling(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] < pair[1]:
        raise ValueError("what is good comes first and what is usable second, so the second must not be higher")
    return pair


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("what is good comes first and what is usable second, so the second must not be lower")
    return pair


Folder = Annotated[Path, BeforeValidator(_given), AfterValidator(_absolute)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]
Size = Annotated[ByteSize, Field(gt=0)]
Given = Annotated[str, BeforeValidator(_given)]
Names = Annotated[tuple[str, ...], BeforeValidator(_words)]
Address = Annotated[str, AfterValidator(_without_slash)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_words)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_words)]
SigningSecret = Annotated[SecretStr, AfterValidator(_signing)]
# What is good and what is usable: numbers as `3,1` or as a list.
Pair = Annotated[tuple[Finite, Finite], BeforeValidator(_words)]
Falling = Annotated[Pair, AfterValidator(_falling)]
Rising = Annotated[Pair, AfterValidator(_rising)]
