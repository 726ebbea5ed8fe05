"""How a client calls its appliance."""

from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8000"

Erase: TypeAlias = Literal["never", "abandoned", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `Client` and `AsyncClient` are told, as they describe it. Raises ValueError for an address that is none."""

    url: str
    api_key: str | None = field(repr=False)
    tls: SSLContext | None
    timeout: float
    patience: float
    within: float | None
    erase: Erase

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.url!r} is not the address of an appliance: it begins with http:// or https://")
        if self.erase not in ("never", "abandoned", "always"):
            raise ValueError("`erase` is never, abandoned or always")
