"""What is in a backup and what it is called: the names of its members, and the three that describe it."""

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FORMAT = 1
OPENING, SUMS, MANIFEST, SEAL = "backup.json", "SHA256SUMS", "manifest.json", "manifest.hmac"
KEYS_FILE, AUDIT, MODELS = "api-keys.json", "audit/", "models/"
BATCH, INPUT, RESULT = "tasks/", "inputs/", "results/"

# A record holds an error of 4 KiB at most, and the parameters of a request.
MOST_BATCH_BYTES = 64 << 20
# Of cards, profiles, heads and keys; a profile with a cohort of thousands has megabytes.
MOST_SMALL_BYTES = 64 << 20
MOST_DESCRIPTION_BYTES = 1 << 20

_FILE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_TASK = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_BATCH = re.compile(rf"{BATCH}[0-9]{{6,9}}\.msgpack")
_MEDIA = re.compile(rf"{INPUT}{_TASK}|{RESULT}{_TASK}\.[0-9]{{1,9}}")
_SMALL = re.compile(rf"{KEYS_FILE}|{MODELS}(?:cards|heads)/{_FILE}|{MODELS}profiles/{_FILE}/{_FILE}\.json")
_LARGE = re.compile(rf"{MODELS}networks/{_FILE}\.onnx|{AUDIT}log(?:\.[0-9]{{1,9}})?|{AUDIT}head")
_ID = re.compile(_TASK)

_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_KeyId = Annotated[int, Field(ge=0, lt=1 << 32)]


class Opening(BaseModel):
    """The first member: enough to say at once that a backup cannot be used. `key_id` is 0 without a key ring."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int
    appliance: str
    created_ms: int
    key_id: _KeyId = 0


class Counts(BaseModel):
    """Tasks that are `open` or have `ended`, their files, and all other files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: int = 0
    ended: int = 0
    uploads: int = 0
    results: int = 0
    others: int = 0

    def told(self) -> str:
        return (
            f"{self.open} open and {self.ended} ended tasks, {self.uploads} uploads, {self.results} results, "
            f"{self.others} other files"
        )


class Manifest(BaseModel):
    """The last member but its seal. `key_ids` are those of the key ring without which some of the content is lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    counts: Counts
    key_ids: tuple[_KeyId, ...]
    sums_sha256: _Hex


class Seal(BaseModel):
    """HMAC-SHA256 of the manifest's bytes under the "backup" key of `key_id`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: _KeyId
    hmac: _Hex


class SavedTask(NamedTuple):
    """A task as it is kept: the bytes of its record; for an ended one, how long it is still kept; for an open one, its
    `place` in the queue; where somebody is still to be told of its end, in how long and how often that has failed.
    Times in milliseconds."""

    task_id: str
    record: bytes
    retention_ms: int | None
    place: float | None
    callback_ms: int | None
    callback_failures: int


def most_bytes(name: str) -> int | None:
    """The most that a member of this name may have, None for a name that no member has."""
    if _BATCH.fullmatch(name):
        return MOST_BATCH_BYTES
    if _SMALL.fullmatch(name):
        return MOST_SMALL_BYTES
    if _MEDIA.fullmatch(name) or _LARGE.fullmatch(name):
        return 1 << 62
    return None


def is_task_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def task_of(name: str) -> str:
    """The id of the task whose upload or result is called `name`."""
    return name.partition("/")[2].partition(".")[0]
