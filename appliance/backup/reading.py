"""Reading a backup, which is hostile input: nothing of it is used before all of it was found to be what was written.

Only plain files with names of `format` are read; the long names, links, holes and devices that tar knows are refused.
An upload or result must belong to a task of the batch before it, and come once, so that nothing need be remembered.
"""

import hashlib
import hmac
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from appliance.backup.format import (
    BATCH,
    FORMAT,
    INPUT,
    MANIFEST,
    MOST_DESCRIPTION_BYTES,
    OPENING,
    RESULT,
    SEAL,
    SUMS,
    Counts,
    Manifest,
    Opening,
    SavedTask,
    Seal,
    is_task_id,
    most_bytes,
    task_of,
)
from schemas import packing
from schemas.errors import ConfigurationError
from schemas.faults import faults
from schemas.keyring import KeyRing

_BLOCK_BYTES = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_Description = TypeVar("_Description", bound=BaseModel)
# Cards, profiles and heads of one appliance, and the files of its audit log.
_MOST_OTHERS = 100_000
_UNREADABLE = "this is not a backup of the appliance, or it is damaged"


class Content:
    """What a member holds, read once from its beginning to its end."""

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self._file, self._name, self.size = file, name, size
        self._missing, self._padding, self._digest = size, -size % _BLOCK, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while self._missing:
            if not (block := self._file.read(min(self._missing, _BLOCK_BYTES))):
                raise ConfigurationError(f"the backup is cut off: {self._name} is not whole")
            self._missing -= len(block)
            self._digest.update(block)
            yield block
        if self._file.read(self._padding) != bytes(self._padding):
            raise ConfigurationError(_UNREADABLE)
        self._padding = 0

    def whole(self) -> bytes:
        return b"".join(self)

    def sha256(self) -> str:
        """Reads what nobody has read."""
        for _ in self:
            pass
        return self._digest.hexdigest()


class Backup:
    """The backup that `file` begins with. `opening` says what it is before anything else is read.

    Raises ConfigurationError for what is none, was made by a later version, or needs a key ring that is not here;
    `ring` is what is here. With `need_ring` off, a backup that was sealed is read without it, its seal unchecked.
    """

    def __init__(self, file: BinaryIO, ring: KeyRing | None, *, need_ring: bool = True) -> None:
        self._file, self._ring, self._need_ring = file, ring, need_ring
        self._sums = hashlib.sha256()
        self._ids: set[bytes] = set()
        self._batch: dict[str, SavedTask] = {}
        self._open = self._ended = self._uploads = self._results = 0
        self._others: set[str] = set()
        self.sealed = False
        name, content = self._member() or ("", Content(file, "", 0))
        if name != OPENING or content.size > MOST_DESCRIPTION_BYTES:
            raise ConfigurationError(_UNREADABLE)
        self.opening = _described(Opening, name, content.whole())
        self._note(name, content)
        if self.opening.format != FORMAT:
            raise ConfigurationError(
                f"this backup was made by version {self.opening.appliance!r} of the appliance, in a format that is not "
                "known here: restore it with that version or a later one"
            )
        self._require({self.opening.key_id} - {0})
        if ring and not self.opening.key_id and need_ring:
            raise ConfigurationError(
                "this backup was made without a key ring, and here there is one, with which its tasks would count as "
                "forged: restore it without VOICEPRINT_KEY_RING"
            )

    def members(self) -> Iterator[tuple[str, Content]]:
        """Every member but those that describe the others, in order; what is not read of one is passed over.

        Raises ConfigurationError for a backup that is not whole or was changed: what came before is not to be used.
        """
        while True:
            name, content = self._member() or ("", Content(self._file, "", 0))
            if name == SUMS:
                break
            self._expect(name, content.size)
            if name.startswith(BATCH):
                packed = content.whole()
                self._begin(name, packed)
                yield name, _Kept(packed)
            else:
                yield name, content
            self._note(name, content)
        if content.sha256() != self._sums.hexdigest():
            raise ConfigurationError("the backup was damaged or changed: its members are not those of SHA256SUMS")
        self.manifest = self._described()

    def _described(self) -> Manifest:
        name, content = self._member() or ("", Content(self._file, "", 0))
        if name != MANIFEST or content.size > MOST_DESCRIPTION_BYTES:
            raise ConfigurationError("the backup is cut off: it has no manifest")
        text = content.whole()
        manifest = _described(Manifest, name, text)
        last = self._member()
        if last is not None:
            name, content = last
            if name != SEAL or content.size > MOST_DESCRIPTION_BYTES:
                raise ConfigurationError("the backup holds more than its manifest says")
            self._check(_described(Seal, name, content.whole()), text)
        elif self.opening.key_id:
            raise ConfigurationError("the backup was changed: its seal is missing")
        while block := self._file.read(_BLOCK_BYTES):
            if block.strip(b"\0"):
                raise ConfigurationError("the backup holds more than its manifest says")
        counts = Counts(
            open=self._open,
            ended=self._ended,
            uploads=self._uploads,
            results=self._results,
            others=len(self._others),
        )
        if manifest.counts != counts or manifest.sums_sha256 != self._sums.hexdigest():
            raise ConfigurationError("the backup was damaged or changed: it is not what its manifest says")
        self._require(set(manifest.key_ids))
        return manifest

    def _check(self, seal: Seal, text: bytes) -> None:
        self._require({seal.key_id})
        if seal.key_id != self.opening.key_id:
            raise ConfigurationError("the backup was changed: its seal is that of another")
        if self._ring is None or seal.key_id not in self._ring.secrets:
            return
        if not hmac.compare_digest(self._ring.derive("backup").mac(text, seal.key_id).hex(), seal.hmac):
            raise ConfigurationError(
                f"the backup was changed, or key {seal.key_id} of the key ring is not the one that sealed it"
            )
        self.sealed = True

    def _require(self, key_ids: set[int]) -> None:
        missing = key_ids - set(self._ring.secrets if self._ring else ())
        if missing and self._need_ring:
            names = ", ".join(map(str, sorted(missing)))
            raise ConfigurationError(
                f"this backup needs a key ring with the key {names}: set VOICEPRINT_KEY_RING to the ring of the "
                "appliance that made it"
            )

    def _expect(self, name: str, size: int) -> None:
        """Whether a member of that name may come now."""
        most = most_bytes(name)
        if not name:
            raise ConfigurationError("the backup is cut off: it has no end")
        if most is None or size > most:
            raise ConfigurationError(f"the backup holds {name!r}, which does not belong there")
        if name.startswith(BATCH):
            return
        if not name.startswith((INPUT, RESULT)):
            if name in self._others or len(self._others) == _MOST_OTHERS:
                raise ConfigurationError(f"the backup holds {name} twice, or too many files")
            self._others.add(name)
            return
        task = self._batch.pop(task_of(name), None)
        if task is None or name.startswith(INPUT) != (task.retention_ms is None):
            raise ConfigurationError(f"the backup holds {name!r}, which belongs to none of its tasks")
        self._uploads += name.startswith(INPUT)
        self._results += name.startswith(RESULT)

    def _begin(self, name: str, packed: bytes) -> None:
        self._batch = {task.task_id: task for task in unpacked(name, packed)}
        ids = {bytes.fromhex(task_id.replace("-", "")) for task_id in self._batch}
        if ids & self._ids:
            raise ConfigurationError(f"the backup's {name} holds a task that came before")
        self._ids |= ids
        ended = sum(task.retention_ms is not None for task in self._batch.values())
        self._ended += ended
        self._open += len(self._batch) - ended

    def _note(self, name: str, content: Content) -> None:
        self._sums.update(f"{content.sha256()}  {name}\n".encode())

    def _member(self) -> tuple[str, Content] | None:
        """The next member, None at the end. Raises ConfigurationError for all but a plain file."""
        block = self._file.read(_BLOCK)
        if len(block) < _BLOCK or not block.strip(b"\0"):
            return None
        try:
            member = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise ConfigurationError(_UNREADABLE) from error
        if member.type != tarfile.REGTYPE or member.size < 0:
            raise ConfigurationError("the backup holds something that is not a plain file")
        # Nothing of a header is outside what is compared here: not even its owner could be another.
        if member.tobuf(tarfile.GNU_FORMAT) != block:
            raise ConfigurationError(_UNREADABLE)
        return member.name, Content(self._file, member.name, member.size)


class _Kept(Content):
    """A member that was read already."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


def unpacked(name: str, packed: bytes) -> list[SavedTask]:
    """The tasks of a batch, each once. Raises ConfigurationError for what is none."""
    try:
        tasks = [SavedTask(*fields) for fields in packing.unpack(packed)]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the backup's {name} is not a batch of tasks") from error
    if not all(map(_is_sound, tasks)) or len({task.task_id for task in tasks}) < len(tasks):
        raise ConfigurationError(f"the backup's {name} is not a batch of tasks")
    return tasks


def _is_sound(task: SavedTask) -> bool:
    numbers = (task.retention_ms, task.callback_ms, task.callback_failures)
    return (
        isinstance(task.task_id, str)
        and is_task_id(task.task_id)
        and isinstance(task.record, bytes)
        and all(number is None or (type(number) is int and 0 <= number < 1 << 53) for number in numbers)
        and (task.place is None or (isinstance(task.place, int | float) and 0 <= task.place < 1 << 53))
        and task.callback_failures is not None
    )


def _described(kind: type[_Description], name: str, text: bytes) -> _Description:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ConfigurationError(f"the backup's {name} is not one: {faults(error)}") from error
