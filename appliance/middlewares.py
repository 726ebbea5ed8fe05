"""Around every request: the doors, one shape for every error, its line in the log and its count."""

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
from appliance.answers import CORRELATION_ID, error, ids_of, logged_id, repeated, request_id, translated
from appliance.console.assets import ASSETS as CONSOLE
from appliance.context import AUDIT, VISITOR
from appliance.description.assets import ASSETS
from appliance.metrics.requests import counted
from appliance.port import broken_http
from appliance.settings import Settings
from schemas.correlation import begin
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


def around(settings: Settings, door: Door) -> Middleware:
    """Everything that is done around a request, in one: each middleware of its own costs a good part of a poll."""
    doors = _Doors(settings, door)

    @web.middleware
    async def handled(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        begin(_about(request))
        try:
            response = doors.met(request) or await handler(request)
        except ConnectionError:
            raise  # nobody is left to be answered
        except Exception as raised:
            response = _refused(request, raised, settings)
        _journaled(request, response.status, time.perf_counter() - started)
        return response

    return handled


class _Doors:
    """Who may come in. Bound to loopback: only under a loopback name, so that no web page reaches us by a name of its
    own (DNS rebinding). Never from a page of another origin, unless that is named. And only whom the door lets in."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self._settings, self._door = settings, door
        self._public = URL(settings.public_url).host if settings.public_url else None
        self._loopback = settings.loopback

    def met(self, request: web.Request) -> web.Response | None:
        """Raises the refusal of who may not come in; returns the answer of who only asks whether he may."""
        settings, headers = self._settings, request.headers
        host = own_url(request)
        if self._loopback and not (is_loopback_name(host.host) or (self._public and self._public == host.host)):
            raise Forbidden(
                f"this appliance answers on loopback names only, not {repeated(str(host.host))}; "
                "set VOICEPRINT_PUBLIC_URL when a proxy forwards to it"
            )
        base = base_url(request, settings)
        origin = headers.get(hdrs.ORIGIN)
        if origin in settings.cors_origins:
            if cors.asks_first(request):
                return cors.answer(request)
        elif origin is not None and origin not in {str(base.origin()), str(host.origin())}:
            raise Forbidden(f"web pages of {repeated(origin)} may not call this appliance")
        address = client_address(request, settings)
        if request.path in _NO_KEY_NEEDED:
            request[VISITOR] = Visitor(address=address)
            return None
        shown = presented(headers.getall(hdrs.AUTHORIZATION, ()), headers.getall("X-API-Key", ()))
        visitor = request[VISITOR] = self._door.ask(shown, needs(request.method, request.path), address)
        if visitor.refusal is not None:
            raise visitor.refusal
        return None


def _about(request: web.Request) -> dict[str, str]:
    """What the lines of its log are about."""
    ids = ids_of(request)
    known = {"request_id": ids.request, "correlation_id": ids.correlation}
    if given := request.headers.get("traceparent"):
        known["trace_id"] = trace_id(traceparent(given))
    return known


def _journaled(request: web.Request, status: int, seconds: float) -> None:
    """One line in the log, and one more that was answered."""
    counted(request, status, seconds)
    # Polls and questions for our health would drown the rest.
    often = (status == 200 and request.method == "GET") or request.path in OPEN_PATHS
    level = logging.DEBUG if often else logging.INFO
    if not log.isEnabledFor(level):
        return
    # The path as it came, still encoded: decoded, it could hold a line end and look like a line of its own.
    path = request.rel_url.raw_path
    log.log(
        level,
        "%s %s %d in %.1f ms, correlation %s",
        request.method,
        path if len(path) < _PATH_CHARACTERS else "(long path)",
        status,
        seconds * 1000,
        logged_id(request, CORRELATION_ID),
    )


def _refused(request: web.Request, raised: Exception, settings: Settings) -> web.StreamResponse:
    """Every refusal and every fault as the contract's error body."""
    match raised:
        case Refusal():
            if isinstance(raised, Internal):
                log.error("request %s: %s", logged_id(request), raised.message)
            visitor = request.get(VISITOR) or Visitor(address=client_address(request, settings))
            if event := audited.refused("rest", visitor, raised):
                request.app[AUDIT].note(event, repeated=True)
            return error(raised)
        case HTTPException():
            missing = raised.status == NotFound.http_status and request.method in {"GET", "HEAD"}
            if missing and request.path == _ONE_TOO_MANY:
                return web.Response(status=307, headers={hdrs.LOCATION: _THE_PAGE})
            return error(translated(request, raised))
        case HttpProcessingError() | ClientPayloadError():
            return error(RequestInvalid(f"the request's body cannot be read: {_fault(raised)}"))
    log.error("request %s failed", logged_id(request), exc_info=raised)
    if request.writer.output_size:
        # Part of the answer has left: only cutting it off tells the client that it is not whole.
        raise ConnectionError from raised
    return error(Internal(f"something went wrong here; it is logged with request id {request_id(request)}"))


def _fault(error: HttpProcessingError | ClientPayloadError) -> str:
    if isinstance(error, HttpProcessingError):
        return broken_http.fault(error)
    return "it ends before it is whole, or its chunks are malformed"
