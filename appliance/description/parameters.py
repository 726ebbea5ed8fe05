"""What a request carries beside its body: the parameters of a technology, the id of a task, headers."""

from collections.abc import Sequence
from typing import Any

import pydantic

from appliance.description.components import Components
from appliance.endpoints.technologies import IDEMPOTENCY_CHARACTERS, IDEMPOTENCY_KEY
from schemas.technologies import Parameters

TASK_ID = "task_id"


def query(kind: type[pydantic.BaseModel], models: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The fields of `kind` in a query string, lists with commas between their values; `models` are those served."""
    lists = kind.LISTS if issubclass(kind, Parameters) else frozenset()
    made = []
    for name, schema in Components([kind], models).properties(kind).items():
        given = dict(schema)
        described = {"description": text} if (text := given.pop("description", "")) else {}
        style = {"style": "form", "explode": False} if name in lists else {}
        made.append({"name": name, "in": "query", **described, **style, "schema": given})
    return made


def shared() -> dict[str, Any]:
    """Parameters that a description refers to."""
    return {
        TASK_ID: {
            "name": TASK_ID,
            "in": "path",
            "required": True,
            "description": "As the answer to the submission tells it.",
            "schema": {"type": "string", "format": "uuid"},
        },
        IDEMPOTENCY_KEY: {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "description": "What this caller calls the request. Sent again with the same key, the same request is "
            "answered with the same task, and another request with a 409.",
            "schema": {"type": "string", "pattern": "^[ -~]+$", "minLength": 1, "maxLength": IDEMPOTENCY_CHARACTERS},
        },
    }


def refer(name: str) -> dict[str, str]:
    """A reference to one of them."""
    return {"$ref": f"#/components/parameters/{name}"}
