"""HTTP for downloads: which addresses are asked, what answers must say, which faults are worth another attempt."""

import ipaddress
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from yarl import URL

from onnx_models.brought.inspection import shown
from schemas.errors import ApplianceError

_MOST_REDIRECTS = 8
_REDIRECTS = {301, 302, 303, 307, 308}
# The server may do better later.
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_PAUSE_SECONDS = 60
_LONGEST_VALIDATOR = 512
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")

# The first that fits counts: some are kinds of others.
_FAULTS: tuple[tuple[type[Exception], str, bool], ...] = (
    (aiohttp.ClientConnectorDNSError, "the name {host} could not be resolved", False),
    (aiohttp.ClientProxyConnectionError, "the proxy {error.host}:{error.port} could not be reached", True),
    (aiohttp.ClientHttpProxyError, "the proxy refused the connection to {host} with {error.status}", False),
    (
        aiohttp.ClientSSLError,
        "{host} could not prove who it is (an authority of your own network belongs into SSL_CERT_FILE)",
        False,
    ),
    (TimeoutError, "{host} did not answer in time", True),
    (aiohttp.ClientConnectorError, "{host} could not be reached", True),
    (aiohttp.InvalidURL, "{host} has an address that is none", False),
    (aiohttp.ClientPayloadError, "{host} cut the connection", True),
    (aiohttp.ServerDisconnectedError, "{host} cut the connection", True),
    (OSError, "the connection to {host} broke ({error.strerror})", True),
)


class Unfetched(ApplianceError):
    """An attempt that failed. `again` tells whether another one may succeed, after `pause` seconds if it says so."""

    def __init__(self, message: str, *, again: bool, pause: float | None = None) -> None:
        super().__init__(message)
        self.again, self.pause = again, pause


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for a connection and for the next byte, fruitless attempts in a row, and the seconds before the
    first repetition, which double with each one.
    """

    connect_seconds: float = 30.0
    read_seconds: float = 60.0
    attempts: int = 5
    pause_seconds: float = 1.0


def session(patience: Patience) -> aiohttp.ClientSession:
    """A client that goes through the proxies of the environment, and passes bytes on as they come."""
    return aiohttp.ClientSession(
        trust_env=True,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=patience.connect_seconds, sock_read=patience.read_seconds
        ),
        headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "voiceprint"},
    )


def parsed_address(address: str) -> URL:
    """The address as it stands, not spelt anew. Raises Unfetched for one that is not https, nor of this machine."""
    try:
        url = URL(address, encoded=address.isascii())
    except ValueError as error:
        raise Unfetched(f"{shown(address)} is not an address", again=False) from error
    if not (url.scheme == "https" and url.host) and not _on_this_machine(url):
        raise Unfetched(f"{shown(str(url))} is not an https address, and only those are fetched from", again=False)
    return url


def _on_this_machine(url: URL) -> bool:
    """Whether a plain http address is of the loopback interface, where nobody listens in."""
    if url.scheme != "http" or not url.host:
        return False
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"


@asynccontextmanager
async def answer(
    client: aiohttp.ClientSession, address: str, headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer at the end of the redirects from `address`, its body not read yet.

    Raises Unfetched for everything that goes wrong on the way, also while the block reads the body.
    """
    url = parsed_address(address)
    try:
        for _ in range(_MOST_REDIRECTS):
            async with client.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    _check_status(response)
                    yield response
                    return
                url = _redirected(url, response.headers.get("Location"))
    except (aiohttp.ClientError, OSError) as error:
        raise _fault(url, error) from error
    raise Unfetched(f"{address} is redirected more than {_MOST_REDIRECTS} times", again=False)


def _redirected(url: URL, location: str | None) -> URL:
    if not location:
        raise Unfetched(f"{url.host} redirects to nowhere", again=False)
    try:
        target = url.join(URL(location, encoded=location.isascii()))
    except ValueError as error:
        raise Unfetched(f"{url.host} redirects to what is not an address", again=False) from error
    # Only this machine may refer to this machine: a server elsewhere has no business with what runs here.
    if _on_this_machine(target) and not _on_this_machine(url):
        raise Unfetched(f"{url.host} redirects to {target.host}, which is this machine", again=False)
    return parsed_address(str(target))


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in {200, 206, 416}:
        if (coding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
            raise Unfetched(f"{response.url.host} sends the file compressed ({shown(coding)}), unasked", again=False)
        return
    pause = response.headers.get("Retry-After", "")
    phrase = f" {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""
    raise Unfetched(
        f"{response.url.host} answers {status}{phrase}",
        again=status in _TEMPORARY,
        pause=min(int(pause), _LONGEST_PAUSE_SECONDS) if re.fullmatch(r"\d{1,9}", pause) else None,
    )


def content_range(response: aiohttp.ClientResponse) -> tuple[int, int, int | None]:
    """First byte, last byte and whole length (None when not told) of a 206. Raises Unfetched when it does not say."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None:
        raise Unfetched(f"{response.url.host} does not say which part of the file it sends", again=False)
    first, last, whole = found.groups()
    return int(first), int(last), None if whole == "*" else int(whole)


def validator(response: aiohttp.ClientResponse) -> str | None:
    """What `If-Range` may name later: a strong entity tag, or else the date of the last change (RFC 9110, 13.1.5)."""
    tag = response.headers.get("ETag", "")
    found = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    return found if 0 < len(found) <= _LONGEST_VALIDATOR and found.isascii() and found.isprintable() else None


def _fault(url: URL, error: Exception) -> Unfetched:
    for kind, message, again in _FAULTS:
        if isinstance(error, kind):
            return Unfetched(message.format(host=url.host, error=error), again=again)
    return Unfetched(f"{url.host} answered with what is not HTTP", again=True)
