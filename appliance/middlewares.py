"""Around every request, outermost first: its ids, one shape for every error, the doors."""

import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import Callable

from aiohttp import ClientPayloadError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_exceptions import HTTPException
from yarl import URL

from appliance.addresses import base_url, host_header, is_loopback_name
from appliance.settings import Settings
from schemas import json
from schemas.errors import (
    Forbidden,
    Internal,
    MethodInvalid,
    NotFound,
    Refusal,
    RequestInvalid,
    Unauthorized,
)

log = logging.getLogger(__name__)

CORRELATION_ID, REQUEST_ID = "X-Correlation-Id", "X-Request-Id"
# Callers choose their ids; longer ones would be a place to hide things in logs.
_ID_CHARACTERS = 128
# What a load balancer asks, before anyone could give it a key.
OPEN_PATHS = frozenset({"/health", "/ready"})


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Takes or makes the correlation and request id, and logs one line per request."""
    for header in (CORRELATION_ID, REQUEST_ID):
        given = request.headers.get(header, "")
        usable = 0 < len(given) <= _ID_CHARACTERS and given.isascii() and given.isprintable()
        request[header] = given if usable else str(uuid.uuid4())
    started = time.perf_counter()
    response = await handler(request)
    log.info(
        "%s %s %d in %.1f ms, correlation %s",
        request.method,
        request.path if len(request.path) < 200 else "(long path)",
        response.status,
        (time.perf_counter() - started) * 1000,
        request[CORRELATION_ID],
    )
    return response


async def put_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, also those that are streamed: the ids, and nothing about what runs here."""
    for header in (CORRELATION_ID, REQUEST_ID):
        if header in request:
            response.headers[header] = request[header]
    response.headers[hdrs.SERVER] = "voiceprint"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal and every fault as the contract's error body."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _answer(refusal)
    except HTTPException as error:
        return _answer(_translated(request, error))
    except (HttpProcessingError, ClientPayloadError) as error:
        return _answer(RequestInvalid(f"the request's body cannot be read: {type(error).__name__}"))
    except ConnectionError:
        raise  # nobody is left to be answered
    except Exception:
        log.exception("request %s failed", request[REQUEST_ID])
        return _answer(Internal(f"something went wrong here; it is logged with request id {request[REQUEST_ID]}"))


def _translated(request: web.Request, error: HTTPException) -> Refusal:
    """What aiohttp itself refuses, in our words."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodInvalid(f"{request.method} is not possible here, but {allowed}", headers={hdrs.ALLOW: allowed})
    if error.status == NotFound.http_status:
        return NotFound(f"there is nothing at {request.path[:200]}")
    return RequestInvalid(error.reason)


def _answer(refusal: Refusal) -> web.Response:
    return web.Response(
        status=refusal.http_status,
        headers=refusal.headers,
        body=json.encode(refusal.body()),
        content_type="application/json",
    )


def doors(settings: Settings) -> Middleware:
    """Who may come in. Bound to loopback: only under a loopback name, so that no web page reaches us by a name of its
    own (DNS rebinding). Never from a page of another origin. With keys set: only with one of them."""
    known = _known(settings)
    public = URL(settings.public_url) if settings.public_url else None

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            host = URL(f"http://{host_header(request)}")
        except ValueError as error:
            raise RequestInvalid("the Host header is not a host name") from error
        if settings.loopback and not is_loopback_name(host.host) and not (public and public.host == host.host):
            raise Forbidden(
                f"this appliance answers on loopback names only, not {host.host}; "
                "set VOICEPRINT_PUBLIC_URL when a proxy forwards to it"
            )
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin not in {str(base_url(request, settings).origin()), str(host.origin())}:
            raise Forbidden(f"web pages of {origin[:200]} may not call this appliance")
        if known and request.path not in OPEN_PATHS and not known(_presented(request)):
            raise Unauthorized(
                "this appliance needs an API key: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'",
                headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
            )
        return await handler(request)

    return guard


def _presented(request: web.Request) -> str:
    scheme, _, credentials = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")


def _known(settings: Settings) -> Callable[[str], bool] | None:
    """A check in constant time, or None when no key is set. Hashing first hides the keys' lengths."""
    hashes = [hashlib.sha256(key.get_secret_value().encode()).digest() for key in settings.api_keys]
    if not hashes:
        return None

    def known(presented: str) -> bool:
        digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).digest()
        # A sum, because any() would stop at the first match and so tell how far down the list it is.
        return sum(hmac.compare_digest(digest, stored) for stored in hashes) > 0

    return known
