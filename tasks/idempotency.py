"""Which task stands for an idempotency key, and what was asked for with it.

    voiceprint:idempotency:<digest>   task         the id
                                      fingerprint  of the request
                                      proof        both, with the digest, packed as a record is

Redis checks nothing: whoever is told of an earlier task there does, or it might be anybody's. Earlier versions have
left no proof; then the record of the task says whether it was made with that key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgpack

from schemas.keyring import Keys
from tasks.record import RecordDamaged, TaskRecord, content, proven

FIELDS = ["task", "fingerprint", "proof"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What Redis says of an idempotency key."""

    task_id: str
    fingerprint: bytes
    proof: bytes

    @classmethod
    def read(cls, found: Sequence[bytes | None]) -> Self:
        """Of the values of `FIELDS`."""
        task_id, fingerprint, proof = (value or b"" for value in found)
        return cls(task_id.decode(errors="replace"), fingerprint, proof)

    def is_proven(self, digest: bytes, keys: Keys | None) -> bool:
        """Whether that was written of the key with that `digest` by whoever made the task."""
        try:
            said = msgpack.unpackb(proven(self.proof, keys))
        except (RecordDamaged, ValueError, TypeError):
            return False
        return bool(said == [digest, self.task_id, self.fingerprint])


def proof(record: TaskRecord, keys: Keys | None) -> bytes:
    """What proves that the record's task was made with its idempotency key; empty for one without."""
    said = [record.idempotency, record.task_id, record.fingerprint]
    return content(bytes(msgpack.packb(said)), keys) if record.idempotency else b""
