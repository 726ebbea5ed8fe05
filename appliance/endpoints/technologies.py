"""`POST /api/technology/<name>`: every technology from its declaration."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from appliance.addresses import base_url
from appliance.bodies import read_document, read_form, read_stream
from appliance.context import INTAKE, SETTINGS, VISITOR
from appliance.intake import Arrival, Caller
from appliance.webhooks.admission import CALLBACK_URL
from schemas import json
from schemas.errors import Detail, ValidationError
from schemas.task import TaskView
from schemas.technologies import Technology, joined, parse_parameters, technologies
from tasks.tracing import traceparent

IDEMPOTENCY_KEY = "Idempotency-Key"
IDEMPOTENCY_CHARACTERS = 255
# Those of the query string that are not known: a misspelt one is no fault, but whoever looks shall find it.
IGNORED = "X-Ignored-Parameters"
_MOST_IGNORED, _IGNORED_CHARACTERS = 16, 64
# Most tasks take about so long; whoever would rather be told than ask has `wait`.
_POLL_AFTER_SECONDS = 1


def routes() -> list[web.RouteDef]:
    return [web.post(f"/api/technology/{name}", _endpoint(declared)) for name, declared in technologies().items()]


def _endpoint(technology: Technology) -> Handler:
    async def submit(request: web.Request) -> web.Response:
        settings, kind = request.app[SETTINGS], technology.parameters
        query = joined(kind, request.query.items())
        models = settings.served_models
        parameters = parse_parameters(kind, query, {}, models)  # a wrong query is refused before the body is read
        caller = _caller(request)
        async with request.app[INTAKE].arrival(technology, request.content_length, caller) as arrival:
            seconds, config = settings.single_file_upload_timeout, dict[str, Any]()
            if technology.streams:
                seconds = settings.bulk_upload_timeout
                await read_stream(request, arrival.write, technology.streams, seconds=seconds)
            elif technology.document is not None:
                await read_document(request, arrival.write, seconds=seconds)
            else:
                config = await read_form(request, arrival.write, seconds=seconds)
                arrival.place = "query" if CALLBACK_URL in query else "config"
            arrival.parameters = parse_parameters(kind, query, config, models) if config else parameters
        location = f"{caller.base_url}/api/technology/{technology.name}/{arrival.task_id}"
        return _accepted(arrival, location, query.keys() - kind.model_fields.keys())

    return submit


def _accepted(arrival: Arrival, location: str, ignored: Iterable[str]) -> web.Response:
    headers = {hdrs.LOCATION: location, "X-Location": location, hdrs.RETRY_AFTER: str(_POLL_AFTER_SECONDS)}
    if arrival.replayed:
        headers["Idempotent-Replayed"] = "true"
    if arrival.rate is not None:
        headers.update(arrival.rate.headers)
    if names := ", ".join(quote(name[:_IGNORED_CHARACTERS], safe="") for name in sorted(ignored)[:_MOST_IGNORED]):
        headers[IGNORED] = names
    body = json.encode(TaskView(arrival.task_id, arrival.state).body())
    return web.Response(status=202, headers=headers, body=body, content_type="application/json")


def _caller(request: web.Request) -> Caller:
    return Caller(
        request[VISITOR],
        idempotency_key=_idempotency_key(request),
        base_url=str(base_url(request, request.app[SETTINGS])).rstrip("/"),
        traceparent=traceparent(",".join(request.headers.getall("traceparent", []))),
    )


def _idempotency_key(request: web.Request) -> str:
    """What the caller calls this request, empty when nothing. Raises ValidationError."""
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if len(given) > 1:
        raise _refused("must be given once", "repeated")
    if not given:
        return ""
    if not given[0] or len(given[0]) > IDEMPOTENCY_CHARACTERS or not (given[0].isascii() and given[0].isprintable()):
        raise _refused(f"must be 1 to {IDEMPOTENCY_CHARACTERS} printable ASCII characters", "idempotency_key")
    return given[0]


def _refused(reason: str, kind: str) -> ValidationError:
    fault = Detail(("header", IDEMPOTENCY_KEY), reason, kind)
    return ValidationError(f"the request is not valid: header.{IDEMPOTENCY_KEY}: {reason}", [fault])
