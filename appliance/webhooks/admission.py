"""Which addresses may be told of a task's end."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from schemas.errors import Detail, ValidationError

_RESOLVE_SECONDS = 5.0


async def admitted(url: str, networks: Sequence[str]) -> tuple[str, ...]:
    """The IP addresses of the host of `url`, resolved here and never again: what is checked is what is called.

    An address that is not of the public internet must lie in one of `networks`. Raises ValidationError.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise _refused(f"its name {parts.hostname!r} cannot be resolved") from error
    addresses = tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    allowed = [ipaddress.ip_network(network) for network in networks]
    for text in addresses:
        address = ipaddress.ip_address(text)
        if not address.is_global and not any(address in network for network in allowed):
            raise _refused(
                f"{parts.hostname} is at {text}, which is not a public address, "
                "and VOICEPRINT_WEBHOOK_NETWORKS does not allow it"
            )
    return addresses


def _refused(reason: str) -> ValidationError:
    message = f"callback_url: {reason}"
    return ValidationError(f"the request is not valid: {message}", [Detail(("callback_url",), message, "callback")])
