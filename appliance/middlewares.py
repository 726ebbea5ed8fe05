"""Around every request, outermost first: its line in the log and its count, one shape for every error, the doors."""

import logging
import time

from aiohttp import ClientPayloadError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_exceptions import HTTPException
from yarl import URL

from appliance import audited, cors
from appliance.access.door import Door, presented
from appliance.access.needs import needs
from appliance.access.visitor import Visitor
from appliance.addresses import base_url, client_address, is_loopback_name, own_url
from appliance.answers import CORRELATION_ID, error, logged_id, repeated, request_id, translated
from appliance.console.assets import ASSETS as CONSOLE
from appliance.context import AUDIT, SETTINGS, VISITOR
from appliance.description.assets import ASSETS
from appliance.metrics.requests import counted
from appliance.port import broken_http
from appliance.settings import Settings
from schemas.correlation import about
from schemas.errors import Forbidden, Internal, NotFound, Refusal, RequestInvalid
from tasks.tracing import trace_id, traceparent

log = logging.getLogger(__name__)

_PATH_CHARACTERS = 200
# What a load balancer asks, before anyone could give it a key; and what this interface is, which is no secret.
OPEN_PATHS = frozenset(
    {"/health", "/ready", "/openapi.json", "/docs", "/"}
    | {f"/docs/{name}" for name in ASSETS}
    | {f"/console/{name}" for name in CONSOLE}
)
# Where a browser lands that was given one slash too many; relative, since a proxy may have put it under a path.
_ONE_TOO_MANY, _THE_PAGE = "/docs/", "../docs"
_NO_KEY_NEEDED = OPEN_PATHS | {_ONE_TOO_MANY}


@web.middleware
async def journal(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line in the log, and one more that was answered."""
    given = request.headers.get("traceparent", "")
    known = {"trace_id": trace_id(traceparent(given))} if given else {}
    with about(request_id=request_id(request), correlation_id=request_id(request, CORRELATION_ID), **known):
        return await _journaled(request, handler)


async def _journaled(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.perf_counter()
    response = await handler(request)
    seconds = time.perf_counter() - started
    counted(request, response.status, seconds)
    # Polls and questions for our health would drown the rest.
    often = (request.method, response.status) == ("GET", 200) or request.path in OPEN_PATHS
    level = logging.DEBUG if often else logging.INFO
    if not log.isEnabledFor(level):
        return response
    # The path as it came, still encoded: decoded, it could hold a line end and look like a line of its own.
    path = request.rel_url.raw_path
    log.log(
        level,
        "%s %s %d in %.1f ms, correlation %s",
        request.method,
        path if len(path) < _PATH_CHARACTERS else "(long path)",
        response.status,
        seconds * 1000,
        logged_id(request, CORRELATION_ID),
    )
    return response


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal and every fault as the contract's error body."""
    try:
        return await handler(request)
    except Refusal as refusal:
        if isinstance(refusal, Internal):
            log.error("request %s: %s", logged_id(request), refusal.message)
        visitor = request.get(VISITOR) or Visitor(address=client_address(request, request.app[SETTINGS]))
        if event := audited.refused("rest", visitor, refusal):
            request.app[AUDIT].note(event, repeated=True)
        return error(refusal)
    except HTTPException as raised:
        if (
            raised.status == NotFound.http_status
            and request.method in {"GET", "HEAD"}
            and request.path == _ONE_TOO_MANY
        ):
            return web.Response(status=307, headers={hdrs.LOCATION: _THE_PAGE})
        return error(translated(request, raised))
    except (HttpProcessingError, ClientPayloadError) as broken:
        return error(RequestInvalid(f"the request's body cannot be read: {_fault(broken)}"))
    except ConnectionError:
        raise  # nobody is left to be answered
    except Exception as fault:
        log.exception("request %s failed", logged_id(request))
        if request.writer.output_size:
            # Part of the answer has left: only cutting it off tells the client that it is not whole.
            raise ConnectionError from fault
        return error(Internal(f"something went wrong here; it is logged with request id {request_id(request)}"))


def doors(settings: Settings, door: Door) -> Middleware:
    """Who may come in. Bound to loopback: only under a loopback name, so that no web page reaches us by a name of its
    own (DNS rebinding). Never from a page of another origin, unless that is named. And only whom the door lets in."""
    public, loopback = URL(settings.public_url) if settings.public_url else None, settings.loopback

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, base = own_url(request), base_url(request, settings)
        if loopback and not is_loopback_name(host.host) and not (public and public.host == host.host):
            raise Forbidden(
                f"this appliance answers on loopback names only, not {repeated(str(host.host))}; "
                "set VOICEPRINT_PUBLIC_URL when a proxy forwards to it"
            )
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in settings.cors_origins:
            if cors.asks_first(request):
                return cors.answer(request)
        elif origin is not None and origin not in {str(base.origin()), str(host.origin())}:
            raise Forbidden(f"web pages of {repeated(origin)} may not call this appliance")
        address = client_address(request, settings)
        if request.path in _NO_KEY_NEEDED:
            request[VISITOR] = Visitor(address=address)
        else:
            visitor = request[VISITOR] = door.ask(_presented(request), needs(request.method, request.path), address)
            if visitor.refusal is not None:
                raise visitor.refusal
        return await handler(request)

    return guard


def _fault(error: HttpProcessingError | ClientPayloadError) -> str:
    if isinstance(error, HttpProcessingError):
        return broken_http.fault(error)
    return "it ends before it is whole, or its chunks are malformed"


def _presented(request: web.Request) -> str:
    return presented(request.headers.getall(hdrs.AUTHORIZATION, []), request.headers.getall("X-API-Key", []))
