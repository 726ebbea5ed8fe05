"""arq's client side: how a waiting task looks to arq's worker. The only file that knows arq's keys.

`enqueue_job` is not used: a connection that drops inside it answers None, which also means "duplicate", so a task could
be acknowledged and not exist. Instead the store's own Lua writes record and entry in one step that may be repeated.
"""

from dataclasses import dataclass

import msgpack
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.jobs import serialize_job

from tasks.record import TaskRecord

QUEUE = "voiceprint:queue"
# Each submit leaves a token here; idle workers block on it instead of polling.
WAKE = "voiceprint:wake"


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """What arq needs to find of one waiting task: its keys and the job itself, in msgpack and never pickle."""

    job_key: str
    in_progress_key: str
    retry_key: str
    job: bytes


def entry(record: TaskRecord) -> QueueEntry:
    """The task's id and the technology's name are all that arq is told; the rest is in the record."""
    return QueueEntry(
        job_key=job_key_prefix + record.task_id,
        in_progress_key=in_progress_key_prefix + record.task_id,
        retry_key=retry_key_prefix + record.task_id,
        job=serialize_job(record.technology, (), {}, None, record.created_ms, serializer=msgpack.packb),
    )
