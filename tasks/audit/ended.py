"""What is told of the end of a task, whichever process brings it about."""

from collections.abc import Callable

from schemas.errors import TaskInternalError, TaskValidationError
from schemas.task import TaskState
from tasks.audit.audit import Audit
from tasks.audit.event import Event, Who
from tasks.record import TaskRecord


def ends(audit: Audit, process: str) -> Callable[[TaskRecord], None]:
    """Tells `audit` of the end of each task, brought about by the `process` of that name."""
    who = Who("process", name=process)
    return lambda record: audit.note(_ended(who, record))


def _ended(who: Who, record: TaskRecord) -> Event:
    which: dict[str, str | int] = {
        "task": record.task_id,
        "technology": record.technology,
        "attempt": record.attempt,
        "bytes": record.result_bytes,
    }
    if record.state is not TaskState.DONE:
        # A long error is in a file of its own, but its type is that of every task that ends so.
        usual = (TaskInternalError if record.state is TaskState.FAILED else TaskValidationError).type
        which["error"] = str((record.error or {}).get("type", usual))
    return Event("task.ended", who, which, record.state.value)
