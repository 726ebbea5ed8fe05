"""Examples of requests and results, recorded from an appliance: one file for each technology that has one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import json

FOLDER = Path(__file__).parent / "examples"
_TASK_ID = "2f1d0c5e-8b1f-4d0e-9c52-7a3b6d1e4f90"


@dataclass(frozen=True, slots=True)
class Example:
    """`result` is what came of `body`, a JSON document, or of a recording, which `body` of None stands for. It is None
    for what needs a head that is not shipped."""

    result: dict[str, Any] | None = None
    body: dict[str, Any] | None = None


def of(technology: str) -> Example | None:
    """The example of a technology. Raises TypeError for a file that holds something else."""
    try:
        return Example(**json.decode((FOLDER / f"{technology}.json").read_bytes()))
    except FileNotFoundError:
        return None


def body(shown: Example | None) -> dict[str, Any]:
    """The example of a request body, as a description holds it."""
    return {"example": shown.body} if shown and shown.body else {}


def polled(shown: Example | None) -> dict[str, Any]:
    """The example of a poll."""
    if shown is None or shown.result is None:
        return {}
    return {"example": {"task": {"task_id": _TASK_ID, "state": "done"}, "result": shown.result}}
