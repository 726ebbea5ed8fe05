"""What is told of the end of a task, whichever process brings it about."""

from schemas.errors import TaskInternalError, TaskValidationError
from schemas.task import TaskState
from tasks.audit.audit import Audit
from tasks.audit.event import Event, Who
from tasks.record import TaskRecord
from tasks.store import Told


def ends(audit: Audit, process: str) -> Told:
    """Tells `audit` of the end of each task, brought about by the `process` of that name; a task ends once, whatever
    its record suffers after that."""
    who = Who("process", name=process)

    def tell(record: TaskRecord, *, again: bool = False) -> None:
        audit.note(_damaged(who, record) if again else _ended(who, record))

    return tell


def _damaged(who: Who, record: TaskRecord) -> Event:
    return Event("task.damaged", who, {"task": record.task_id}, record.state.value)


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
