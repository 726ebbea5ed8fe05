"""What the faces tell the audit log: who has submitted, read or erased which task, and who was refused."""

from typing import Literal

from appliance.access.visitor import Visitor
from schemas.errors import Forbidden, RateLimited, Refusal, Unauthorized
from tasks.audit import Event, Who
from tasks.record import TaskRecord

# Refused for who asks, or for how often: whoever tries keys, or floods, is seen.
_TOLD = (Unauthorized, Forbidden, RateLimited)

Face = Literal["rest", "grpc"]


def submitted(visitor: Visitor, record: TaskRecord, task_id: str) -> Event:
    """`task_id` is the task that stands for `record`: an earlier one, when the request was sent once more."""
    outcome = "accepted" if task_id == record.task_id else "replayed"
    which: dict[str, str | int] = {"task": task_id, "technology": record.technology, "bytes": record.input_bytes}
    return Event("task.submitted", _who(visitor), which, outcome)


def withdrawn(visitor: Visitor, record: TaskRecord, reason: str) -> Event:
    """Of a task that was told as submitted and then was not made: the type of the refusal, or `replayed`, says why."""
    return Event("task.withdrawn", _who(visitor), {"task": record.task_id, "technology": record.technology}, reason)


def read(visitor: Visitor, record: TaskRecord) -> Event:
    """Of a result that is about to be handed out."""
    which: dict[str, str | int] = {
        "task": record.task_id,
        "technology": record.technology,
        "bytes": record.result_bytes,
    }
    return Event("task.read", _who(visitor), which, "delivered")


def erased(visitor: Visitor, task_id: str, technology: str, *, asked: bool) -> Event:
    """`asked`: someone wanted it so. Without, the call has ended of which it was the task."""
    outcome = "erased" if asked else "call ended"
    return Event("task.erased", _who(visitor), {"task": task_id, "technology": technology}, outcome)


def refused(face: Face, visitor: Visitor, refusal: Refusal) -> Event | None:
    """None for a refusal that says nothing of who asks."""
    if not isinstance(refusal, _TOLD):
        return None
    return Event("request.refused", _who(visitor), {"face": face}, refusal.type)


def _who(visitor: Visitor) -> Who:
    kind: Literal["key", "anonymous"] = "key" if visitor.key_id else "anonymous"
    return Who(kind, visitor.key_id, visitor.name, visitor.address)
