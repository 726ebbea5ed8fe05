"""The room for uploads, shared by all that are under way at one time."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import StorageFull


class Room:
    """`capacity` is how many bytes the uploads under way may have together; whoever admits one knows it best."""

    def __init__(self) -> None:
        self.capacity = 0
        self.taken = 0

    @contextmanager
    def share(self, size: int) -> Iterator["Share"]:
        """A share of `size` bytes until the context ends. Raises StorageFull when no more than that is left."""
        if self.taken + size >= self.capacity:
            raise StorageFull("there is no room for this upload: try again when tasks have ended")
        share = Share(self)
        share.cover(size)
        try:
            yield share
        finally:
            self.taken -= share.size


class Share:
    """What one upload takes. It grows with an upload whose length was not told, so that many cannot overfill a disk."""

    def __init__(self, room: Room) -> None:
        self.size = 0
        self._room = room

    def cover(self, size: int) -> None:
        """Grows to `size` bytes, if it is smaller. Raises StorageFull."""
        more = max(0, size - self.size)
        if self._room.taken + more > self._room.capacity:
            raise StorageFull("the input storage is full: try again when tasks have ended")
        self._room.taken += more
        self.size += more
