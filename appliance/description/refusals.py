"""How an answer that refuses is described: one shape, and for every status the type that it carries."""

from collections.abc import Iterable, Iterator
from typing import Any

from appliance.description.components import Schema, reference
from appliance.description.headers import RATE, header, ids
from schemas.errors import (
    Conflict,
    Forbidden,
    Internal,
    MethodInvalid,
    NotFound,
    Overloaded,
    RateLimited,
    Refusal,
    RequestInvalid,
    RequestTimeout,
    StorageFull,
    TaskRefusal,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
    ValidationError,
)

# Any request at any address may meet these.
EVERYWHERE = (RequestInvalid, Forbidden, MethodInvalid, Internal)

_WHEN: dict[type[Refusal], str] = {
    RequestInvalid: "The request cannot be parsed.",
    Unauthorized: "An API key is needed, and the one sent is none that is valid.",
    Forbidden: "A foreign host name, a web page of another origin, or nothing that the API key is for.",
    NotFound: "No such task: its id is wrong, it has expired or was erased, or it is another caller's.",
    MethodInvalid: "Another method is needed; `Allow` names it.",
    RequestTimeout: "The upload did not arrive in time.",
    Conflict: "The `Idempotency-Key` was used for another request.",
    TooLarge: "The request is larger than the limit.",
    UnsupportedMedia: "Another content type is needed, or no `Content-Encoding`.",
    ValidationError: "A parameter or the body is not valid; `detail` says where.",
    RateLimited: "This caller has submitted too many tasks of late.",
    Internal: "A fault of ours; it is logged under the request's id.",
    Unavailable: "This appliance has nothing installed that could do it.",
    Overloaded: "The queue is full, or the task store cannot be reached.",
    StorageFull: "There is no room for what would be stored, or the audit log cannot be written.",
}
_HEADERS: dict[type[Refusal], tuple[str, ...]] = {
    Unauthorized: ("WWW-Authenticate",),
    MethodInvalid: ("Allow",),
    Overloaded: ("Retry-After",),
    StorageFull: ("Retry-After",),
    RateLimited: ("Retry-After", *RATE),
}


def schemas() -> dict[str, Schema]:
    """The schemas of errors by name: those of requests, and those of tasks by the state in which these end."""
    detail = {
        "type": "object",
        "description": "One fault: where it is, outermost first, what it is, its kind and its figures.",
        "required": ["location", "message", "type", "context"],
        "properties": {
            "location": {"type": "array", "items": {"type": ["string", "integer"]}},
            "message": {"type": "string"},
            "type": {"type": "string", "description": f"For what a task was given, one of: {', '.join(_kinds())}."},
            "context": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
        },
        "additionalProperties": False,
    }
    error = {
        "type": "object",
        "description": "`message` is for people and may change; `type` does not.",
        "required": ["type", "message", "detail"],
        "properties": {
            "type": {"type": "string", "enum": sorted({kind.type for kind in tree()})},
            "message": {"type": "string"},
            "detail": {"type": "array", "items": reference("Detail")},
        },
        "additionalProperties": False,
    }
    return {"Detail": detail, "Error": error}


def of_type(*types: str) -> Schema:
    """The schema of an error whose type is one of `types`."""
    return {"allOf": [reference("Error"), {"properties": {"type": {"enum": sorted(types)}}}]}


def task_types(*, retryable: bool) -> list[str]:
    """The types of error with which tasks end, as failed (`retryable`) or as rejected."""
    ends = (kind for kind in tree() if issubclass(kind, TaskRefusal) and kind is not TaskRefusal)
    return sorted({kind.type for kind in ends if kind.retryable is retryable})


def responses() -> dict[str, Any]:
    """What a description refers to, by the name of the refusal."""
    return {
        kind.__name__: {
            "description": when,
            "headers": ids() | {name: header(name) for name in _HEADERS.get(kind, ())},
            "content": {"application/json": {"schema": of_type(kind.type)}},
        }
        for kind, when in _WHEN.items()
    }


def answers(kinds: Iterable[type[Refusal]]) -> dict[str, Schema]:
    """The responses of an operation that may refuse with one of `kinds`, by status."""
    ordered = sorted(set(kinds), key=lambda kind: kind.http_status)
    return {str(kind.http_status): {"$ref": f"#/components/responses/{kind.__name__}"} for kind in ordered}


def tree(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """`kind` and all that is derived from it."""
    yield kind
    for derived in kind.__subclasses__():
        yield from tree(derived)


def _kinds() -> list[str]:
    return [f"`{kind.kind}`" for kind in tree(TaskRefusal) if kind.kind not in {"internal", "input"}]
