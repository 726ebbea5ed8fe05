"""What every answer carries, and every error as the contract's body."""

import os
import re
from datetime import UTC, datetime

from aiohttp import hdrs, web
from aiohttp.web_exceptions import HTTPException

from schemas import json
from schemas.errors import MethodInvalid, NotFound, Refusal, RequestInvalid

# Beside the ids. No page may show an answer in a frame or as a part of itself, and what an answer holds runs nowhere,
# uses nothing of the device and is kept by nobody.
_ALWAYS = {
    hdrs.SERVER: "voiceprint",
    "X-Content-Type-Options": "nosniff",
    hdrs.X_FRAME_OPTIONS: "DENY",
    hdrs.REFERRER_POLICY: "no-referrer",
    hdrs.CROSS_ORIGIN_RESOURCE_POLICY: "same-origin",
    hdrs.CROSS_ORIGIN_OPENER_POLICY: "same-origin",
}
_UNLESS_SET = {
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; frame-ancestors 'none'",
    hdrs.PERMISSIONS_POLICY: "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Where TLS is spoken: for a year, browsers come by TLS or not at all.
_STRICT = {hdrs.STRICT_TRANSPORT_SECURITY: "max-age=31536000"}

CORRELATION_ID, REQUEST_ID = "X-Correlation-Id", "X-Request-Id"
_KEPT = {header: web.RequestKey(header, str) for header in (CORRELATION_ID, REQUEST_ID)}
# Callers choose their ids; longer ones would be a place to hide things in logs.
ID_CHARACTERS = 256
# Of a UUID's 17th digit two bits are given.
_VARIANTS = 4 * "89ab"
_WORD = re.compile(r"[\w.:/+=-]+", re.ASCII)


def new_id() -> str:
    """A random UUID (RFC 9562, version 4); made for every answer twice, and so without an object on its way."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANTS[int(text[16], 16)]}{text[17:20]}-{text[20:]}"


def request_id(request: web.BaseRequest, header: str = REQUEST_ID) -> str:
    """The id that the caller gave in `header`, or a new one, the same for as long as the request lasts."""
    kept = _KEPT[header]
    if kept not in request:
        given = request.headers.get(header, "")
        usable = 0 < len(given) <= ID_CHARACTERS and given.isascii() and given.isprintable()
        request[kept] = given if usable else new_id()
    return request[kept]


def logged_id(request: web.BaseRequest, header: str = REQUEST_ID) -> str:
    """The same as it stands in the log: in quotes, unless it is one plain word, so that it cannot be taken for words or
    lines of ours."""
    found = request_id(request, header)
    return found if _WORD.fullmatch(found) else json.encode(found).decode()


def put_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """The ids, what browsers are to do with an answer, and nothing about what runs here."""
    for header in (CORRELATION_ID, REQUEST_ID):
        response.headers[header] = request_id(request, header)
    response.headers.update(_ALWAYS)
    for header, value in _UNLESS_SET.items():
        response.headers.setdefault(header, value)
    if request.secure:
        response.headers.update(_STRICT)


def repeated(text: str) -> str:
    """What a client sent, as it may stand in a message: short, and without the bytes that are no text."""
    return text[:200].encode("ascii", "backslashreplace").decode()


def shown_time(milliseconds: int) -> str:
    """Milliseconds since 1970 UTC as `2026-01-31T12:00:00.123Z` (RFC 3339)."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error(refusal: Refusal) -> web.Response:
    return web.Response(
        status=refusal.http_status,
        headers=refusal.headers,
        body=json.encode(refusal.body()),
        content_type="application/json",
    )


def translated(request: web.BaseRequest, raised: HTTPException) -> Refusal:
    """What aiohttp itself refuses, in our words."""
    if isinstance(raised, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(raised.allowed_methods))
        return MethodInvalid(f"{request.method} is not possible here, but {allowed}", headers={hdrs.ALLOW: allowed})
    if raised.status == NotFound.http_status:
        return NotFound(f"there is nothing at {repeated(request.path)}")
    if raised.status == web.HTTPExpectationFailed.status_code:
        return RequestInvalid("of what a request may expect, only 'Expect: 100-continue' is known here")
    return RequestInvalid(raised.reason)
