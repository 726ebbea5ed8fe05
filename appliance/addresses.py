"""Where the appliance is, as its clients see it, and which names it answers to."""

import ipaddress
import re
from contextlib import suppress
from functools import lru_cache

from aiohttp import hdrs, web
from yarl import URL

from appliance.settings import Settings
from schemas.errors import RequestInvalid
from tasks.networks import network

# A host and a port, and nothing that would become another part of an address.
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/?#@\\]+)(:[0-9]+)?")
# Clients come again and again, under few names and from few addresses; what each means takes longer to find out than
# the rest of a poll.
_REMEMBERED = 256


def base_url(request: web.Request, settings: Settings) -> URL:
    """Scheme and host for absolute addresses: the configured one, else the request's own.

    A proxy's `X-Forwarded-Proto` and `X-Forwarded-Host` count only when it is a configured one; of several values the
    last, which that proxy wrote itself. Raises RequestInvalid for a host that is none.
    """
    if settings.public_url:
        return _url(settings.public_url)
    scheme, host = request.scheme, host_header(request)
    if _from_trusted_proxy(request, settings):
        scheme = "https" if _last(request, hdrs.X_FORWARDED_PROTO) == "https" else scheme
        host = _authority(_last(request, hdrs.X_FORWARDED_HOST) or host)
    return _url(f"{scheme}://{host}")


def own_url(request: web.Request) -> URL:
    """Scheme and host as the request itself has them. Raises RequestInvalid for a host that is none."""
    return _url(f"{request.scheme}://{host_header(request)}")


def client_address(request: web.Request, settings: Settings) -> str:
    """The network address of whoever asks; behind a configured proxy the last of `X-Forwarded-For`, which that proxy
    wrote itself."""
    if _from_trusted_proxy(request, settings):
        with suppress(ValueError):
            return str(ipaddress.ip_address(_last(request, hdrs.X_FORWARDED_FOR)))
    return request.remote or ""


def host_header(request: web.Request) -> str:
    """The request's host and port; for a request without one, the address it came in at. Raises RequestInvalid."""
    if host := request.headers.get(hdrs.HOST):
        return _authority(host)
    address, port = request.get_extra_info("sockname")[:2]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@lru_cache(_REMEMBERED)
def is_loopback_name(host: str | None) -> bool:
    """Whether a host name can only mean this machine."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return (host or "").lower() == "localhost"


def _authority(text: str) -> str:
    if not _names_a_host(text):
        raise RequestInvalid("the host that the request names is not a host name or address with a port")
    return text


@lru_cache(_REMEMBERED)
def _names_a_host(text: str) -> bool:
    with suppress(ValueError):
        return bool(_AUTHORITY.fullmatch(text) and URL(f"http://{text}").host)
    return False


@lru_cache(_REMEMBERED)
def _url(text: str) -> URL:
    return URL(text)


def peer(address: str, settings: Settings) -> bytes:
    """As `network`; empty for a configured proxy, which speaks for many."""
    return b"" if _is_one_of(address, settings.trusted_proxies) else network(address)


def _from_trusted_proxy(request: web.Request, settings: Settings) -> bool:
    return _is_one_of(request.remote or "", settings.trusted_proxies)


@lru_cache(_REMEMBERED)
def _is_one_of(address: str, proxies: tuple[str, ...]) -> bool:
    if not proxies or not address:
        return False
    found = ipaddress.ip_address(address)
    # How an IPv4 proxy looks to a server that listens on all IPv6 addresses.
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ipaddress.ip_network(network) for network in proxies)


def _last(request: web.Request, header: str) -> str:
    # A proxy may also add a line of its own below the caller's.
    return request.headers.getall(header, [""])[-1].rpartition(",")[2].strip()
