"""`GET /api/tasks`: the caller's own tasks, the newest first, page by page."""

from typing import Any

import pydantic
from aiohttp import web

from appliance.addresses import base_url
from appliance.answers import shown_time
from appliance.context import DOOR, SETTINGS, STORE, VISITOR
from schemas import json
from schemas.errors import Detail, Forbidden, ValidationError
from schemas.listing import Listing
from schemas.technologies import refusal
from tasks.listed import Place
from tasks.listing import page
from tasks.record import TaskRecord


def routes() -> list[web.RouteDef]:
    return [web.get("/api/tasks", listed)]


async def listed(request: web.Request) -> web.Response:
    """Raises ValidationError, Overloaded while Redis cannot be reached, and Forbidden where strangers share what has no
    owner: there a task is known to whoever was told its id, and to nobody else."""
    settings = request.app[SETTINGS]
    if not (request.app[DOOR].keyed or settings.loopback):
        raise Forbidden("without API keys nobody's tasks are told apart here, so they are not listed")
    asked, after = _asked(request)
    found = await page(
        request.app[STORE],
        request[VISITOR].scope,
        after=after,
        limit=asked.limit,
        state=asked.state,
        technology=asked.technology,
    )
    base = str(base_url(request, settings)).rstrip("/")
    body = {
        "tasks": [_shown(record, base) for record in found.records],
        "next": None if found.following is None else str(found.following),
    }
    return web.Response(body=json.encode(body), content_type="application/json")


def _asked(request: web.Request) -> tuple[Listing, Place | None]:
    try:
        asked = Listing.model_validate(dict(request.query))
    except pydantic.ValidationError as error:
        raise refusal(error, ["query"] * error.error_count()) from error
    try:
        return asked, None if asked.after is None else Place.read(asked.after)
    except ValueError as error:
        fault = Detail(("query", "after"), "must be what the page before told as next", "after")
        raise ValidationError(f"the request is not valid: query.after: {fault.message}", [fault]) from error


def _shown(record: TaskRecord, base: str) -> dict[str, Any]:
    return {
        "task_id": record.task_id,
        "technology": record.technology,
        "state": record.state.value,
        "created": shown_time(record.created_ms),
        "ended": shown_time(record.ended_ms) if record.ended_ms else None,
        "message": record.error["message"] if record.error else None,
        # A damaged record does not tell its technology, and is found under any.
        "location": f"{base}/api/technology/{record.technology}/{record.task_id}" if record.technology else None,
    }
