"""How a task stands in the list of those of its owner: see `tasks/listing.py`."""

from dataclasses import dataclass
from typing import Self

from schemas.task import is_task_id
from tasks.record import TaskRecord

# As many as the largest number has: the order of the texts is then that of the numbers.
DIGITS = 19
# After every member of an owner comes what begins so: the character that follows the colon.
BEYOND = ";"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the list of an owner a task stands: after those that are newer."""

    created_ms: int
    task_id: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError for what is no place."""
        created, _, task_id = text.partition("-")
        if not (created.isascii() and created.isdecimal() and len(created) < 20 and is_task_id(task_id)):
            raise ValueError(f"no place: {text}")
        return cls(int(created), task_id)

    def __str__(self) -> str:
        return f"{self.created_ms}-{self.task_id}"


def member_of(record: TaskRecord) -> str:
    """The member that stands for a task; empty for one that is in no list, and for one whose record was lost: when that
    was made, on which its place depends, nobody knows any more."""
    if record.awaited or not record.technology:
        return ""
    return member(record.owner.decode(), Place(record.created_ms, record.task_id))


def member(owner: str, place: Place) -> str:
    return f"{owner}:{place.created_ms:0{DIGITS}d}:{place.task_id}"


def place_of(member: bytes) -> Place | None:
    """None for what is no member: whoever can write to Redis can write anything there."""
    _, _, rest = member.decode(errors="replace").partition(":")
    created, _, task_id = rest.partition(":")
    return Place(int(created), task_id) if created.isascii() and created.isdecimal() and is_task_id(task_id) else None
