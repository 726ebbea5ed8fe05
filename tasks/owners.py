"""Whose a task is, kept beside its record, so that its owner is told when the record is damaged, and nobody else.

    voiceprint:owner:<id>   task   the id
                            owner  the owner, packed as a record is, with the id that it belongs to

Only tasks that have an owner have this key. It is made with the task, and goes with it.
"""

from typing import Any

import msgpack

from schemas.keyring import Keys
from tasks.record import RecordDamaged, TaskRecord, content, proven


def packed(record: TaskRecord, keys: Keys | None) -> bytes:
    """What is kept, empty for a task without an owner."""
    return content(bytes(msgpack.packb([record.task_id, record.owner])), keys) if record.owner else b""


def unpacked(task_id: str, data: bytes | None, keys: Keys | None) -> bytes:
    """The owner of the task, empty where none is kept, or nothing that can be believed."""
    try:
        found: Any = msgpack.unpackb(proven(data or b"", keys))
        named, owner = found
    except (RecordDamaged, ValueError, TypeError):
        return b""
    return owner if named == task_id and isinstance(owner, bytes) else b""
