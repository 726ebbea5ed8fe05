"""What a task is called, its states and how a poll shows it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_task_id(text: str) -> bool:
    """Whether a task may be called that: a UUID, written as the appliance writes it."""
    return _ID.fullmatch(text) is not None


class TaskState(StrEnum):
    """`rejected`: other input is needed. `failed`: a fault while running, the same request may succeed later."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"

    @property
    def terminal(self) -> bool:
        return self in (TaskState.DONE, TaskState.FAILED, TaskState.REJECTED)


@dataclass(frozen=True, slots=True)
class TaskView:
    """What a client sees of a task: `error` is the body of a refusal and set only for a failed or rejected task."""

    task_id: str
    state: TaskState
    error: dict[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """The poll body without its result, which is rendered from its file when the state is `done`."""
        body: dict[str, Any] = {"task": {"task_id": self.task_id, "state": self.state.value}}
        if self.error is not None:
            body["error"] = self.error
        return body
