"""The call by which a caller is told that its task has ended."""

from typing import Any

from appliance.description.components import reference
from schemas.task import TaskState

_HEADERS = {
    "webhook-id": "Names the message; the same each time it is sent.",
    "webhook-timestamp": "When it was sent, in seconds since 1970 UTC.",
    "webhook-signature": "`v1,` and the Base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`, under "
    "the secret that the appliance and the one who is told share.",
}


def schemas() -> dict[str, Any]:
    """The body of the call, by name."""
    ended = [state.value for state in TaskState if state.terminal]
    return {
        "EndedTask": {
            "type": "object",
            "description": "The task and where it is polled; never its result, and its error when that is short.",
            "required": ["task", "technology", "location"],
            "properties": {
                "task": {"allOf": [reference("Task"), {"properties": {"state": {"enum": ended}}}]},
                "technology": {"type": "string"},
                "location": {"type": "string", "format": "uri"},
                "error": reference("Error"),
            },
        }
    }


def path_item() -> dict[str, Any]:
    """What is sent to the `callback_url`, and what is expected of it."""
    headers = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    ]
    return {
        "post": {
            "summary": "Sent when the task ends, again after longer and longer pauses until it is answered.",
            "parameters": headers,
            "requestBody": {"required": True, "content": {"application/json": {"schema": reference("EndedTask")}}},
            "responses": {
                "2XX": {"description": "Heard."},
                "410": {"description": "Nobody is here any more; it is not sent again."},
            },
        }
    }
