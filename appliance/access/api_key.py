"""An API key: how it is made, what is kept of it, and what it opens.

A key is `vp_<id>_<secret>`: the id 8 hexadecimal digits, the secret 256 random bits as 43 characters of Base64 for
addresses (RFC 4648, section 5). Only the SHA-256 of the whole text is kept; 256 random bits need no slower hash.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

SECRET_BYTES = 32
_FORM = re.compile(r"vp_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
_ID = re.compile(r"[0-9a-f]{8}")
_MOST_NAME_CHARACTERS = 64

State = Literal["valid", "expired", "revoked"]


class Scope(StrEnum):
    """What a key may be used for."""

    SUBMIT = "submit"
    READ = "read"
    ERASE = "erase"
    SYSTEM = "system"

    @property
    def meaning(self) -> str:
        return {
            Scope.SUBMIT: "submit tasks",
            Scope.READ: "read its own tasks and their results",
            Scope.ERASE: "erase its own tasks",
            Scope.SYSTEM: "ask what runs here and how busy it is",
        }[self]


def _name(value: object) -> object:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_NAME_CHARACTERS or not value.isprintable():
        raise ValueError(f"a name is 1 to {_MOST_NAME_CHARACTERS} characters that can be printed")
    if value != value.strip() or _ID.fullmatch(value):
        raise ValueError("a name has no blanks around it, and is not of the form of an id")
    return value


class ApiKey(BaseModel):
    """What is kept of a key. `technologies` are those for which it may submit tasks, None for all of them; `rate_limit`
    is how many tasks a minute, None for what is set for everyone.

    Nothing has a default, and nothing else is taken: an entry that lost a line must not open more than before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=f"^{_ID.pattern}$")]
    name: Annotated[str, BeforeValidator(_name)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...]
    technologies: tuple[str, ...] | None
    created: AwareDatetime
    expires: AwareDatetime | None
    revoked: AwareDatetime | None
    rate_limit: Annotated[int, Field(ge=1)] | None

    def state(self, now: datetime) -> State:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


def issued(
    name: str,
    *,
    taken: Collection[str],
    scopes: tuple[Scope, ...],
    technologies: tuple[str, ...] | None = None,
    expires: datetime | None = None,
    rate_limit: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key with an id that is not among those `taken`: what is kept of it, and the key itself.

    Raises pydantic.ValidationError for a name that is none.
    """
    number = secrets.token_hex(4)
    while number in taken:
        number = secrets.token_hex(4)
    text = f"vp_{number}_{secrets.token_urlsafe(SECRET_BYTES)}"
    kept = ApiKey(
        id=number,
        name=name,
        sha256=_digest(text),
        scopes=scopes,
        technologies=technologies,
        created=datetime.now(UTC).replace(microsecond=0),
        expires=expires,
        revoked=None,
        rate_limit=rate_limit,
    )
    return kept, text


def number(presented: str) -> str:
    """The id in what may be a key, empty where it has not the form of one."""
    form = _FORM.fullmatch(presented)
    return form[1] if form else ""


def matches(presented: str, kept: ApiKey) -> bool:
    """Whether `presented` is the key of which `kept` is kept, in the same time whichever it is."""
    return hmac.compare_digest(_digest(presented), kept.sha256) and kept is not NOBODY


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


# What stands for a key that is not known, so that it is compared like one that is, and takes as long. Nobody knows a
# text of this digest, and whoever found one would not come in.
NOBODY = ApiKey(
    id="0" * 8,
    name="nobody",
    sha256="0" * 64,
    scopes=(),
    technologies=(),
    created=datetime.fromtimestamp(0, UTC),
    expires=None,
    revoked=None,
    rate_limit=None,
)
