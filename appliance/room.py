"""The room for uploads, shared by all that are under way at one time."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import StorageFull


class Room:
    """`capacity` is how many bytes the uploads under way may have together, and `reason` what bounds it; whoever admits
    one knows both best.
    """

    def __init__(self) -> None:
        self.capacity = 0
        self.reason = ""
        self.taken = 0
        self.uploads = 0

    @contextmanager
    def share(self, size: int) -> Iterator["Share"]:
        """A share for an upload of `size` bytes, as far as is told, until the context ends. It takes room as its bytes
        come: who announces much and sends nothing keeps nobody out. Raises StorageFull when no more is left than that.
        """
        if self.taken + size >= self.capacity:
            raise StorageFull(f"there is no room for this upload: {self.reason}{self.others()}")
        share = Share(self)
        self.uploads += 1
        try:
            yield share
            # What has come stays, until who admits the next one knows better.
            self.capacity -= share.size
        finally:
            self.uploads -= 1
            self.taken -= share.size

    def others(self, share: "Share | None" = None) -> str:
        """What the uploads under way beside `share` hold, as the end of a sentence; empty when they hold nothing."""
        uploads, taken = (self.uploads - 1, self.taken - share.size) if share else (self.uploads, self.taken)
        held = "1 upload under way has" if uploads == 1 else f"{uploads} uploads under way have"
        return f", and {held} {taken} bytes" if taken else ""


class Share:
    """What one upload takes. It grows with it, so that many cannot overfill a disk."""

    def __init__(self, room: Room) -> None:
        self.size = 0
        self._room = room

    def cover(self, size: int) -> None:
        """Grows to `size` bytes, if it is smaller. Raises StorageFull."""
        more = max(0, size - self.size)
        if self._room.taken + more > self._room.capacity:
            others = self._room.others(self)
            raise StorageFull(f"there is no more room for this upload: {self._room.reason}{others}")
        self._room.taken += more
        self.size += more
