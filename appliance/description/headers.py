"""The headers of requests and answers."""

from typing import Any

from appliance.answers import CORRELATION_ID, ID_CHARACTERS, REQUEST_ID

# How it stands with a caller's rate, where there is a limit.
RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_WHOLE = {"type": "integer", "minimum": 0}
_ANSWERED: dict[str, tuple[str, dict[str, Any]]] = {
    CORRELATION_ID: ("That of the request, or a new one.", {"type": "string"}),
    REQUEST_ID: ("That of the request, or a new one.", {"type": "string"}),
    "Location": ("The absolute address of the task.", {"type": "string", "format": "uri"}),
    "X-Location": ("The same as `Location`, for clients of old.", {"type": "string", "format": "uri"}),
    "Retry-After": ("Seconds after which to ask again.", _WHOLE),
    "Allow": ("The methods that are possible here.", {"type": "string"}),
    "WWW-Authenticate": ("How to send a key.", {"type": "string"}),
    "Idempotent-Replayed": ("The task is that of an earlier request.", {"const": "true"}),
    "X-Ignored-Parameters": (
        "Names in the query string that are not known here, percent-encoded, with commas between them.",
        {"type": "string"},
    ),
    "Vary": ("The answer is another for another `Accept`.", {"type": "string"}),
    "ETag": ("Names this version, for `If-None-Match`.", {"type": "string"}),
    "X-RateLimit-Limit": ("Tasks that a caller may submit in a minute.", _WHOLE),
    "X-RateLimit-Remaining": ("How many of them are left.", _WHOLE),
    "X-RateLimit-Reset": ("Seconds until all of them are there again.", _WHOLE),
}


def header(name: str) -> dict[str, str]:
    """A reference to the description of a header of answers."""
    return {"$ref": f"#/components/headers/{name}"}


def ids() -> dict[str, Any]:
    """The headers of every answer."""
    return {name: header(name) for name in (CORRELATION_ID, REQUEST_ID)}


def answered() -> dict[str, Any]:
    """The headers of answers that a description refers to."""
    return {name: {"description": text, "schema": schema} for name, (text, schema) in _ANSWERED.items()}


def requested() -> dict[str, Any]:
    """The headers of requests that a description refers to."""
    made_up = "An id of the caller's own choice, repeated in the answer and in the log. Of others a new one is made."
    text = {"type": "string", "pattern": "^[ -~]+$", "minLength": 1, "maxLength": ID_CHARACTERS}
    return {
        CORRELATION_ID: {"name": CORRELATION_ID, "in": "header", "description": made_up, "schema": text},
        REQUEST_ID: {"name": REQUEST_ID, "in": "header", "description": made_up, "schema": text},
    }


def request_ids() -> list[dict[str, str]]:
    """References to the headers that every request may carry."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in (CORRELATION_ID, REQUEST_ID)]
