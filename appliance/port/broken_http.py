"""What aiohttp says of requests that cannot be parsed, in words for people and without what the client sent."""

from aiohttp.http_exceptions import (
    BadHttpMethod,
    BadStatusLine,
    HttpProcessingError,
    InvalidHeader,
    InvalidURLError,
    LineTooLong,
)

_LINE = "its first line is not of the form 'GET /health HTTP/1.1'"
# The first that fits: some are kinds of others.
_BY_KIND: tuple[tuple[type[HttpProcessingError], str], ...] = (
    (LineTooLong, "a line is longer than 8190 bytes"),
    (InvalidHeader, "a header is not of the form 'Name: value', or holds control characters"),
    (InvalidURLError, "its address is none"),
    (BadHttpMethod, _LINE),
    (BadStatusLine, _LINE),
)
_BY_MESSAGE = {
    "Bad Request": "it is malformed",
    "Bad status line": _LINE,
    "Pause on PRI/Upgrade": "HTTP/2 is not spoken here, but HTTP/1.1",
    "Received HTTPS traffic on an HTTP port": "HTTPS is not spoken here, but HTTP: is it the right port?",
    "Too many headers received": "it has too many headers",
}


def fault(error: BaseException | None, message: str = "") -> str:
    """What is wrong with a request, or a part of a form, that made aiohttp raise `error` or say `message`."""
    # The other lines repeat what came in.
    said = (getattr(error, "message", "") or message).strip().partition("\n")[0].rstrip(":.")
    if said in _BY_MESSAGE:
        return _BY_MESSAGE[said]
    return next((words for kind, words in _BY_KIND if isinstance(error, kind)), said or "it is malformed")
