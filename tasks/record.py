"""The task record: the one truth about a task, as bytes that prove themselves.

    offset  bytes  field
    0       4      id of the key that the check is made with, little-endian; 0 without a key ring
    4       32     check over the key id and the payload: HMAC-SHA256 under that key, or BLAKE2b of 32 bytes without
    36      n      payload, a msgpack map of the fields; one that is not known here is ignored, one that is not there
                   has its default, so that a record outlives an upgrade and the way back

Redis holds these bytes as they are, and checks nothing: whoever reads a record does. A change is a compare-and-set of
the whole record, so whoever has read an older one cannot overwrite a newer one; that fences off a worker that was given
up for dead.
"""

import hashlib
import hmac
import struct
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

import msgpack

from schemas.errors import ApplianceError, Refusal
from schemas.keyring import Keys
from schemas.task import TaskState, TaskView

_KEY_ID = struct.Struct("<I")
_CHECK_BYTES = 32
_FINGERPRINT_BYTES = 16
_HEADER_BYTES = _KEY_ID.size + _CHECK_BYTES
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
    the digest of the caller's Idempotency-Key, empty without one. `owner` is the id of the API key that made the task,
    empty where none was needed. One that is `awaited` is erased by whoever waits for its end. `ended_ms` is when it
    ended, 0 before that and for a task of an earlier version. `traceparent` is the W3C trace context that it was
    submitted in, empty without one. `stored` is what it was read from: a change must name the
    very bytes that it replaces, and those of another version, or of an older key, are not those that `pack` would make.
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
    owner: bytes = b""
    awaited: bool = False
    ended_ms: int = field(default=0, compare=False)
    traceparent: str = ""
    stored: bytes = field(default=b"", compare=False, repr=False)

    @property
    def fingerprint(self) -> bytes:
        """What was asked for, whoever asked and whenever: two requests of one fingerprint are the same request."""
        url = self.callback.url if self.callback else None
        asked = [self.technology, sorted(self.parameters.items()), self.input_sha256, url]
        return _digest(bytes(msgpack.packb(asked)), _FINGERPRINT_BYTES)

    def pack(self, keys: Keys | None = None) -> bytes:
        """The same record under the same current key is always the same bytes."""
        fields = {name: getattr(self, name) for name in _kinds()} | {"state": self.state.value}
        if self.callback is not None:
            fields["callback"] = asdict(self.callback)
        return content(bytes(msgpack.packb(fields)), keys)

    def as_stored(self, keys: Keys | None = None) -> bytes:
        """The bytes that Redis holds, of a record that was read or has just been written."""
        return self.stored or self.pack(keys)

    @classmethod
    def unpack(cls, data: bytes, keys: Keys | None = None) -> Self:
        """Raises RecordDamaged when the check does not match, or was not made with one of `keys` when these are given.

        A record that was made before there was a key ring is among those: whoever can write to Redis could make one.
        """
        fields = proven(data, keys)
        try:
            found = {name: value for name, value in msgpack.unpackb(fields).items() if name in _kinds()}
            if (callback := found.get("callback")) is not None:
                found["callback"] = Callback(callback["url"], tuple(callback["addresses"]), callback["location"])
            record = cls(**found | {"state": TaskState(found["state"]), "stored": data})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RecordDamaged("the task record in the store is none") from error
        # Without a key ring, whoever can write to Redis can make a check that matches.
        if not record._plausible():
            raise RecordDamaged("the task record in the store is none")
        return record

    def _plausible(self) -> bool:
        """Whether every field is of its type, and no count below zero."""
        texts = () if self.callback is None else (self.callback.url, self.callback.location, *self.callback.addresses)
        return all(_is(getattr(self, name), kinds) for name, kinds in _kinds().items()) and all(
            isinstance(text, str) for text in texts
        )

    def claimed(self, worker: str) -> Self:
        return replace(self, state=TaskState.RUNNING, attempt=self.attempt + 1, worker=worker, stored=b"")

    def released(self, *, crashed: bool) -> Self:
        return replace(self, state=TaskState.PENDING, worker="", crashes=self.crashes + crashed, stored=b"")

    def done(self, result_bytes: int, result_sha256: bytes) -> Self:
        return replace(
            self,
            stored=b"",
            state=TaskState.DONE,
            ended_ms=now_ms(),
            result_bytes=result_bytes,
            result_sha256=result_sha256,
        )

    def refused(self, state: TaskState, body: dict[str, Any] | None, result: tuple[int, bytes] = (0, b"")) -> Self:
        """Ended as failed or rejected; `body` is None when it is in the result file that `result` describes."""
        size, sha256 = result
        return replace(
            self,
            stored=b"",
            state=state,
            ended_ms=now_ms(),
            error=body,
            result_bytes=size,
            result_sha256=sha256,
        )

    def view(self) -> TaskView:
        return TaskView(self.task_id, self.state, self.error)


def fits_inline(refusal: Refusal) -> bool:
    """Whether an error is small enough for the record."""
    return len(msgpack.packb(refusal.body())) <= _INLINE_ERROR_BYTES


@cache
def _kinds() -> dict[str, tuple[type, ...]]:
    """The fields that are stored, and the types that each may have."""
    hints = {name: hint for name, hint in get_type_hints(TaskRecord).items() if name != "stored"}
    alternatives = ((name, get_args(hint) if isinstance(hint, UnionType) else (hint,)) for name, hint in hints.items())
    return {name: tuple(get_origin(one) or one for one in found) for name, found in alternatives}


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    if int in kinds:
        return type(value) is int and 0 <= value < 1 << 63
    return isinstance(value, kinds)


def content(payload: bytes, keys: Keys | None) -> bytes:
    """A record's bytes: `payload` after the id of the key and the check that is made with it."""
    key_id = keys.current if keys else 0
    header = _KEY_ID.pack(key_id)
    return header + _check(header + payload, keys, key_id) + payload


def proven(data: bytes, keys: Keys | None) -> bytes:
    """The payload. Raises RecordDamaged when the check does not match, or was not made with one of `keys`."""
    header, check, rest = data[: _KEY_ID.size], data[_KEY_ID.size : _HEADER_BYTES], data[_HEADER_BYTES:]
    key_id = _KEY_ID.unpack(header)[0] if len(header) == _KEY_ID.size else 0
    known = keys is None or key_id in keys.by_id
    if not known or not hmac.compare_digest(_check(header + rest, keys, key_id), check):
        raise RecordDamaged("the task record was damaged in the store")
    return rest


def key_id(data: bytes) -> int:
    """Under which key a record claims to be authenticated, 0 for none."""
    return int.from_bytes(data[: _KEY_ID.size], "little")


def _check(content: bytes, keys: Keys | None, key_id: int) -> bytes:
    return _digest(content, _CHECK_BYTES) if keys is None else keys.mac(content, key_id)


def _digest(content: bytes, size: int) -> bytes:
    return hashlib.blake2b(content, digest_size=size).digest()
