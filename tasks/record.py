"""The task record: the one truth about a task, as bytes that prove themselves.

Redis holds these bytes as they are. A change is a compare-and-set of the whole record, so whoever has read an older one
cannot overwrite a newer one; that fences off a worker that was given up for dead.
"""

import hashlib
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import msgpack

from schemas.errors import ApplianceError, Refusal
from schemas.task import TaskState, TaskView

_CHECK_BYTES = 16
# Larger errors (one line for each of 50,000 voiceprints) become the task's result file.
_INLINE_ERROR_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Callback:
    """Who is told when a task ends: a POST to `url`, at one of the `addresses` that its name had when the task was
    submitted. `location` is the task's own address, for the one who is told."""

    url: str
    addresses: tuple[str, ...]
    location: str


class RecordDamaged(ApplianceError):
    """The stored bytes are not those that were written."""


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """Ids, states, sizes and checksums; never audio, vectors or voiceprints.

    `attempt` counts claims, `crashes` those that ended with their worker's death. `result_bytes` and `result_sha256`
    describe the result file of that attempt; 0 means that there is none. `error` is a refusal's body. `idempotency` is
    the digest of the caller's Idempotency-Key, empty without one.
    """

    task_id: str
    technology: str
    created_ms: int
    parameters: dict[str, Any] = field(default_factory=dict)
    input_bytes: int = 0
    input_sha256: bytes = b""
    state: TaskState = TaskState.PENDING
    attempt: int = 0
    crashes: int = 0
    worker: str = ""
    result_bytes: int = 0
    result_sha256: bytes = b""
    error: dict[str, Any] | None = None
    callback: Callback | None = None
    idempotency: bytes = b""

    @property
    def fingerprint(self) -> bytes:
        """What was asked for, whoever asked and whenever: two requests of one fingerprint are the same request."""
        url = self.callback.url if self.callback else None
        asked = [self.technology, sorted(self.parameters.items()), self.input_sha256, url]
        return _check(bytes(msgpack.packb(asked)))

    def pack(self) -> bytes:
        payload = bytes(msgpack.packb(asdict(self) | {"state": self.state.value}))
        return _check(payload) + payload

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises RecordDamaged when the check does not match."""
        payload = data[_CHECK_BYTES:]
        if _check(payload) != data[:_CHECK_BYTES]:
            raise RecordDamaged("the task record was damaged in the store")
        fields = msgpack.unpackb(payload)
        if callback := fields.get("callback"):
            fields["callback"] = Callback(callback["url"], tuple(callback["addresses"]), callback["location"])
        return cls(**fields | {"state": TaskState(fields["state"])})

    def claimed(self, worker: str) -> Self:
        return replace(self, state=TaskState.RUNNING, attempt=self.attempt + 1, worker=worker)

    def released(self, *, crashed: bool) -> Self:
        return replace(self, state=TaskState.PENDING, worker="", crashes=self.crashes + crashed)

    def done(self, result_bytes: int, result_sha256: bytes) -> Self:
        return replace(
            self,
            state=TaskState.DONE,
            result_bytes=result_bytes,
            result_sha256=result_sha256,
        )

    def refused(self, state: TaskState, body: dict[str, Any] | None, result: tuple[int, bytes] = (0, b"")) -> Self:
        """Ended as failed or rejected; `body` is None when it is in the result file that `result` describes."""
        size, sha256 = result
        return replace(self, state=state, error=body, result_bytes=size, result_sha256=sha256)

    def view(self) -> TaskView:
        return TaskView(self.task_id, self.state, self.error)


def fits_inline(refusal: Refusal) -> bool:
    """Whether an error is small enough for the record."""
    return len(msgpack.packb(refusal.body())) <= _INLINE_ERROR_BYTES


def _check(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES).digest()
