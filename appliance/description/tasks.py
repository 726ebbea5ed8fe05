"""What a poll shows of a task, in each of its states."""

from typing import Any

from appliance.description import refusals
from appliance.description.components import Schema, reference
from schemas.task import TaskState


def _task(*states: TaskState) -> Schema:
    return {"allOf": [reference("Task"), {"properties": {"state": {"enum": [state.value for state in states]}}}]}


def _view(description: str, task: Schema, **more: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["task", *more],
        "properties": {"task": task, **more},
        "additionalProperties": False,
    }


def schemas() -> dict[str, Schema]:
    """The schemas of tasks by name, but for those that are done, which hold the result of their technology."""
    task = {
        "type": "object",
        "description": "`rejected`: other input is needed. `failed`: the same request may succeed later.",
        "required": ["task_id", "state"],
        "properties": {
            "task_id": {"type": "string", "format": "uuid"},
            "state": {"type": "string", "enum": [state.value for state in TaskState]},
        },
        "additionalProperties": False,
    }
    failed, rejected = refusals.task_types(retryable=True), refusals.task_types(retryable=False)
    return {
        "Task": task,
        "AcceptedTask": _view("The new task, or an earlier one of the same idempotency key.", reference("Task")),
        "OpenTask": _view("It waits or runs.", _task(TaskState.PENDING, TaskState.RUNNING)),
        "FailedTask": _view(
            "The same request may succeed later.", _task(TaskState.FAILED), error=refusals.of_type(*failed)
        ),
        "RejectedTask": _view("Other input is needed.", _task(TaskState.REJECTED), error=refusals.of_type(*rejected)),
    }


def done(result: Schema) -> Schema:
    """The schema of a task that is done."""
    return _view("It is done.", _task(TaskState.DONE), result=result)


def polled(done: Schema) -> dict[str, Any]:
    """The schema of a poll, whatever the state; `done` is what it shows of a task that is done."""
    return {"oneOf": [reference("OpenTask"), done, reference("FailedTask"), reference("RejectedTask")]}
