"""What every answer carries, and every error as the contract's body."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import hdrs, web
from aiohttp.web_exceptions import HTTPException
from multidict import CIMultiDict, istr

from schemas import json
from schemas.errors import MethodInvalid, NotFound, Refusal, RequestInvalid

CORRELATION_ID, REQUEST_ID = "X-Correlation-Id", "X-Request-Id"
# The same as aiohttp compares them.
_CORRELATION_ID, _REQUEST_ID = istr(CORRELATION_ID), istr(REQUEST_ID)
# Beside the ids. No page may show an answer in a frame or as a part of itself, and what an answer holds runs nowhere,
# uses nothing of the device and is kept by nobody.
_ALWAYS = CIMultiDict(
    {
        hdrs.SERVER: "voiceprint",
        "X-Content-Type-Options": "nosniff",
        hdrs.X_FRAME_OPTIONS: "DENY",
        hdrs.REFERRER_POLICY: "no-referrer",
        hdrs.CROSS_ORIGIN_RESOURCE_POLICY: "same-origin",
        hdrs.CROSS_ORIGIN_OPENER_POLICY: "same-origin",
    }
)
_UNLESS_SET = (
    (hdrs.CACHE_CONTROL, "no-store"),
    (hdrs.CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (
        hdrs.PERMISSIONS_POLICY,
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)
# Where TLS is spoken: for a year, browsers come by TLS or not at all.
_STRICT = {hdrs.STRICT_TRANSPORT_SECURITY: "max-age=31536000"}

# Callers choose their ids; longer ones would be a place to hide things in logs.
ID_CHARACTERS = 256
# Of a UUID's 17th digit two bits are given.
_VARIANTS = 4 * "89ab"
_WORD = re.compile(r"[\w.:/+=-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ids:
    """Those of a request: the caller's where it gave them, and new ones elsewhere."""

    correlation: str
    request: str


_IDS = web.RequestKey("ids", Ids)


def new_id() -> str:
    """A random UUID (RFC 9562, version 4); made for every answer twice, and so without an object on its way."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANTS[int(text[16], 16)]}{text[17:20]}-{text[20:]}"


def ids_of(request: web.BaseRequest) -> Ids:
    """The same for as long as the request lasts."""
    found = request.get(_IDS)
    if found is None:
        headers = request.headers
        found = request[_IDS] = Ids(_given(headers.get(_CORRELATION_ID)), _given(headers.get(_REQUEST_ID)))
    return found


def _given(text: str | None) -> str:
    usable = text and len(text) <= ID_CHARACTERS and text.isascii() and text.isprintable()
    return text if text and usable else new_id()


def request_id(request: web.BaseRequest, header: str = REQUEST_ID) -> str:
    """The id that the caller gave in `header`, or the one that was made for it."""
    ids = ids_of(request)
    return ids.request if header == REQUEST_ID else ids.correlation


def logged_id(request: web.BaseRequest, header: str = REQUEST_ID) -> str:
    """The same as it stands in the log: in quotes, unless it is one plain word, so that it cannot be taken for words or
    lines of ours."""
    found = request_id(request, header)
    return found if _WORD.fullmatch(found) else json.encode(found).decode()


def put_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """The ids, what browsers are to do with an answer, and nothing about what runs here."""
    headers, ids = response.headers, ids_of(request)
    headers[_CORRELATION_ID] = ids.correlation
    headers[_REQUEST_ID] = ids.request
    headers.update(_ALWAYS)
    for header, value in _UNLESS_SET:
        headers.setdefault(header, value)
    if request.secure:
        headers.update(_STRICT)


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
