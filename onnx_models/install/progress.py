"""Who is told how far a long step is."""

from typing import Protocol


class Progress(Protocol):
    """Told of steps and bytes, in the order in which they come."""

    def said(self, line: str) -> None:
        """Something happened that a person wants to know."""

    def received(self, done: int, total: int) -> None:
        """`done` of `total` bytes of the file that is fetched are here."""


class Silent:
    """Tells nobody."""

    def said(self, line: str) -> None: ...

    def received(self, done: int, total: int) -> None: ...


SILENT = Silent()
