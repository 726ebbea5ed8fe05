"""Which addresses may be told of a task's end."""

import ipaddress
import re
from collections.abc import Sequence

from yarl import URL

from appliance.webhooks.public_addresses import is_public, parsed
from appliance.webhooks.resolving import Resolve, resolved
from schemas.errors import ApplianceError, Detail, ValidationError

CALLBACK_URL = "callback_url"

# A name as name servers have them; underscores occur in private networks.
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*", re.IGNORECASE)
# Whatever ends in a number is an IPv4 address to some who read it: 2130706433, 0177.0.0.1, 0x7f.1 (WHATWG URL, 3.5).
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
# A name with more of them has a receiver that nobody needs, and makes a large record.
_MOST_ADDRESSES = 16


class NotAdmitted(ApplianceError):
    """Nobody is called there."""

    def refusal(self, place: str) -> ValidationError:
        """Of a request that gave the address at `place`: its query, its config or its body."""
        fault = Detail((place, CALLBACK_URL), self.message, "callback")
        return ValidationError(f"the request is not valid: {place}.{CALLBACK_URL}: {self.message}", [fault])


async def admitted(url: str, networks: Sequence[str], resolve: Resolve = resolved) -> tuple[str, ...]:
    """The IP addresses of the host of `url`, resolved here and never again: what is checked is what is called.

    All of them must be of the public internet or lie in one of `networks`. Raises NotAdmitted, and Overloaded when too
    many names are being looked up.
    """
    # Taken apart as it will be when it is called.
    parts = URL(url, encoded=True)
    host, port = parts.raw_host or "", parts.port or 0
    addresses = (host,) if _is_address(host) else await _resolved(host, port, resolve)
    allowed = [ipaddress.ip_network(network) for network in networks]
    for text in addresses:
        address = parsed(text)
        if not is_public(address) and not any(address in network for network in allowed):
            at = f"{host} is at {text}, which" if text != host else f"{host}"
            raise NotAdmitted(f"{at} is not a public address, and VOICEPRINT_WEBHOOK_NETWORKS does not allow it")
    return addresses


def _is_address(host: str) -> bool:
    """Whether it is an IP address in its one plain form. Raises NotAdmitted for other forms, and for no names."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        if not _NAME.fullmatch(host) or len(host) > 253 or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise NotAdmitted("its host is neither a plain name nor an IP address") from error
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise NotAdmitted("its host is an address of one network interface")
    return True


async def _resolved(host: str, port: int, resolve: Resolve) -> tuple[str, ...]:
    try:
        addresses = await resolve(host, port)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise NotAdmitted(f"its name {host!r} cannot be resolved") from error
    if not 0 < len(addresses) <= _MOST_ADDRESSES:
        raise NotAdmitted(f"its name {host!r} has {len(addresses)} addresses")
    return addresses
