"""The names of everything in Redis.

`voiceprint:task:<id>` the record; `voiceprint:open` the tasks that have not ended, by their place in the queue;
`voiceprint:running` task to worker; `voiceprint:workers` worker to its beats, by which others see that it lives;
`voiceprint:capabilities` worker to the models and heads that it serves; `voiceprint:reports` worker to all that it
tells of its models; `voiceprint:input-bytes` the room that uploads of open tasks take; `voiceprint:callbacks` the tasks
of whose end somebody is still to be told, by when that is due; `voiceprint:idempotency:<digest>` the task that was made
with an idempotency key (`tasks/idempotency.py`); `voiceprint:owner:<id>` whose the task is (`tasks/owners.py`);
`voiceprint:listed` the tasks of every owner, the newest last (`tasks/listing.py`); `voiceprint:totals`,
`voiceprint:told:<process>` and `voiceprint:throughput` what all processes have counted
(`tasks/metrics`). The id of every task that ends or is erased is published on `voiceprint:ended`. The queue itself,
which arq reads, is named in `tasks/dispatch.py`.
"""

from tasks.dispatch import QUEUE, entry
from tasks.record import TaskRecord

OPEN, RUNNING = "voiceprint:open", "voiceprint:running"
WORKERS, CAPABILITIES, REPORTS = "voiceprint:workers", "voiceprint:capabilities", "voiceprint:reports"
INPUT_BYTES, SEQUENCE = "voiceprint:input-bytes", "voiceprint:sequence"
CALLBACKS, ENDED, LISTED = "voiceprint:callbacks", "voiceprint:ended", "voiceprint:listed"
TOTALS, TELLERS, THROUGHPUT = "voiceprint:totals", "voiceprint:told:", "voiceprint:throughput"
RECORD, IDEMPOTENCY, OWNER = "voiceprint:task:", "voiceprint:idempotency:", "voiceprint:owner:"


def record_key(task_id: str) -> str:
    return RECORD + task_id


def owner_key(task_id: str) -> str:
    return OWNER + task_id


def idempotency_key(digest: bytes) -> str:
    # Without a key, one that nobody can have: scripts need every name.
    return f"{IDEMPOTENCY}{digest.hex() or 'none'}"


def end_keys(record: TaskRecord) -> list[str]:
    """Every key in which an open task stands, the record's first."""
    queued = entry(record)
    return [
        record_key(record.task_id),
        OPEN,
        RUNNING,
        INPUT_BYTES,
        QUEUE,
        queued.job_key,
        queued.in_progress_key,
        queued.retry_key,
        idempotency_key(record.idempotency),
        CALLBACKS,
        owner_key(record.task_id),
        LISTED,
    ]
