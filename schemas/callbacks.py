"""The address at which a caller wants to be told that its task has ended."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

_MOST_CHARACTERS = 2048
# What the host may be is judged where it is called from, but for brackets, which stand around IPv6 and nothing else.
_HOST_AND_PORT = re.compile(r"(\[(?P<ip6>[^\[\]]+)\]|[^\[\]:]+)(:[0-9]+)?")


def _absolute(text: str) -> str:
    """Nothing but a plain absolute address: what is odd in one is read differently by those who check and who call."""
    if not text.isascii() or not text.isprintable() or set(text) & set(' \\"<>^`{|}'):
        raise ValueError("must be an address in ASCII characters, without spaces")
    try:
        parts = urlsplit(text)
        port, authority = parts.port, _HOST_AND_PORT.fullmatch(parts.netloc)
        if authority and (address := authority["ip6"]) is not None:
            ipaddress.IPv6Address(address)
    except ValueError as error:
        raise ValueError("must be an absolute http:// or https:// address") from error
    if "@" in parts.netloc:
        raise ValueError("must not carry a user name or a password")
    if parts.scheme not in {"http", "https"} or not authority or port == 0:
        raise ValueError("must be an absolute http:// or https:// address")
    if "#" in text:
        raise ValueError("must not have a fragment")
    return text


CallbackUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=_MOST_CHARACTERS,
        description="An http:// or https:// address that is told of the task's end, where this is set up here.",
        json_schema_extra={"format": "uri"},
    ),
    AfterValidator(_absolute),
]
