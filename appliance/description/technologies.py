"""The operations of a technology: submit, poll, erase."""

from collections.abc import Sequence
from typing import Any

from appliance.description import examples, refusals, tasks
from appliance.description.components import Components, Schema
from appliance.description.headers import RATE, header, ids, request_ids
from appliance.description.parameters import TASK_ID, query, refer
from appliance.endpoints.technologies import IDEMPOTENCY_KEY, IGNORED
from schemas.errors import (
    Conflict,
    NotFound,
    Overloaded,
    RateLimited,
    Refusal,
    RequestTimeout,
    StorageFull,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
    ValidationError,
)
from schemas.representations import ARROW, JSON, MSGPACK, NDJSON
from schemas.technologies import Technology
from schemas.waiting import Waiting

_ACCEPTED = ("Location", "X-Location", "Retry-After", "Idempotent-Replayed", IGNORED)
# Where a task's end is told: the address is among the parameters, and in a JSON body it may stand as well.
CALLBACK = "TaskEnded"
_SUBMITTING: tuple[type[Refusal], ...] = (
    RequestTimeout,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    ValidationError,
    RateLimited,
    Unavailable,
    Overloaded,
    StorageFull,
)

_FORMS = {
    MSGPACK: "The same as msgpack; lists of float32 numbers are `bin`, four bytes little-endian for each.",
    ARROW: "The result's rows as an Arrow IPC stream.",
    NDJSON: "The result's rows as JSON, one on each line.",
}


def paths(
    technology: Technology, components: Components, everywhere: tuple[type[Refusal], ...], models: Sequence[str]
) -> dict[str, Any]:
    """Its two paths; `everywhere` are the refusals that any request may meet, `models` the speaker models served."""
    address = f"/api/technology/{technology.name}"
    name = technology.name.replace("-", "_")
    polled = tasks.polled(
        components.add(f"{components.name(technology.result)}Task", tasks.done(components.of(technology.result)))
    )
    shown = examples.of(technology.name)
    return {
        address: {
            "post": {
                "operationId": f"submit_{name}",
                "tags": [technology.name],
                "summary": technology.summary,
                **({"description": _missing(technology)} if technology.missing else {}),
                "parameters": [
                    *query(technology.parameters, models),
                    refer(IDEMPOTENCY_KEY),
                    *request_ids(),
                ],
                "requestBody": {"required": True, "content": _body(technology, components, shown)},
                "responses": {"202": _accepted(name), **refusals.answers((*everywhere, *_SUBMITTING))},
                "callbacks": _callbacks(technology),
            }
        },
        f"{address}/{{{TASK_ID}}}": {
            "get": {
                "operationId": f"poll_{name}",
                "tags": [technology.name],
                "summary": "Tells the state of a task, and its result once it is done.",
                "parameters": [refer(TASK_ID), *query(Waiting), *request_ids()],
                "responses": {
                    "200": {
                        "description": "The task, whatever came of it; the result of one that is done in the form that "
                        "`Accept` asks for.",
                        "headers": ids() | {"Vary": header("Vary")},
                        "content": {JSON: {"schema": polled, **examples.polled(shown)}, **_forms(technology)},
                    },
                    **refusals.answers((*everywhere, NotFound, ValidationError, Overloaded)),
                },
            },
            "delete": {
                "operationId": f"erase_{name}",
                "tags": [technology.name],
                "summary": "Cancels a task and erases its recording and its result.",
                "parameters": [refer(TASK_ID), *request_ids()],
                "responses": {
                    "204": {"description": "There is no such task any more.", "headers": ids()},
                    **refusals.answers((*everywhere, NotFound, Overloaded, StorageFull)),
                },
            },
        },
    }


def _forms(technology: Technology) -> dict[str, Any]:
    """In which forms beside JSON there is a result."""
    return {
        form: {"schema": {"type": "string", "format": "binary", "description": _FORMS[form]}}
        for form in (MSGPACK, *technology.forms)
    }


def _missing(technology: Technology) -> str:
    return f"Not possible here, and answered with 501: {technology.missing}"


def _body(technology: Technology, components: Components, shown: examples.Example | None) -> dict[str, Any]:
    if technology.streams:
        return {form: {"schema": {"type": "string", "format": "binary"}} for form in technology.streams}
    if technology.document is not None:
        return {
            "application/json": {"schema": components.of(technology.document), **examples.body(shown)},
        }
    form: Schema = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "contentMediaType": "application/octet-stream",
                "description": "The recording.",
            },
            "config": {
                "description": "Parameters as a JSON object; those of the query string win.",
                "allOf": [components.of(technology.parameters)],
                # Nothing set: what programs would make up from the schema is no request that anyone wants.
                "examples": [{}],
            },
        },
    }
    return {"multipart/form-data": {"schema": form, "encoding": {"config": {"contentType": "application/json"}}}}


def _accepted(name: str) -> dict[str, Any]:
    """The answer to a submission; its links lead a program from there."""
    found = {TASK_ID: "$response.body#/task/task_id"}
    return {
        "description": "The task is accepted. `Location` is where to poll it.",
        "headers": ids() | {one: header(one) for one in (*_ACCEPTED, *RATE)},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AcceptedTask"}}},
        "links": {
            "poll": {"operationId": f"poll_{name}", "parameters": found},
            "erase": {"operationId": f"erase_{name}", "parameters": found},
        },
    }


def _callbacks(technology: Technology) -> dict[str, Any]:
    told = {"$ref": f"#/components/pathItems/{CALLBACK}"}
    place = "$request.query.callback_url"
    others = {"$request.body#/callback_url": told} if technology.document is not None else {}
    return {"ended": {f"{{{place}}}": told} | {f"{{{expression}}}": item for expression, item in others.items()}}
