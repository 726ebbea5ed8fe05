"""What a kind of work in bulk is: whatever is made of the rows of sources, everything around it stays the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from schemas.formats import Fault
from tasks.bulk.means import Means
from tasks.bulk.places import Source


@dataclass(frozen=True, slots=True)
class Piece:
    """A source, whole, or some of its row groups, or the `rows` of them after the first `skip`; `rows` is how many it
    has, where that is known."""

    source: int
    groups: tuple[int, int] | None = None
    rows: int | None = None
    size: int = 0
    skip: int = 0


Part = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of `rows` rows of sources: a batch whose rows have a vector or a fault, or a fault of the source at
    `path`."""

    path: str
    rows: int
    found: Any | Fault


class Work(Protocol):
    """A kind of work, and its options as they stand in the manifest: a dataclass of plain values."""

    NAME: ClassVar[str]
    # What its rows are called.
    ROWS: ClassVar[str]
    # Bytes of sources that are worth a process of their own: less is done before it has started.
    PROCESS_BYTES: ClassVar[int]

    @property
    def key(self) -> str | None:
        """The column of keys that was asked for."""

    @property
    def space(self) -> str | None:
        """The one embedding space of its vectors; None before it is settled, and where there may be several."""

    def sources(self, inputs: Iterable[str]) -> list[Source]:
        """What the inputs name. Raises ConfigurationError for one that is not there."""

    def settled(self, sources: Sequence[Source], begun: Self | None, means: Means) -> Self:
        """The same with nothing left open: as the run was `begun`, else as the sources say.

        Raises ConfigurationError where they do not.
        """

    def parts(self, sources: Sequence[Source], rows_per_file: int | None) -> Iterator[Part]:
        """The sources cut into what is done, and done again, as one: of so many rows, or as many as are good."""

    def done(self, pieces: Iterable[tuple[str, Piece]], means: Means) -> Iterator[Done]:
        """The work on pieces, each with the path of its source, in their order."""

    def fields(self) -> list[Any]:
        """Arrow's fields of what is written: `source`, `row`, `key`, `model`, `space` and `vector` among them."""

    def told(self) -> dict[str, Any]:
        """What the metadata of what is written tells of it."""


def grouped(pieces: Iterable[Piece], *, files: int, size: int, rows: int) -> Iterator[Part]:
    """Pieces put together to parts of at most so many files, bytes and rows; the bytes of what was cut do not count."""
    part: list[Piece] = []
    for piece in pieces:
        if part and (
            len(part) == files
            or (piece.groups is None and sum(one.size for one in part) + piece.size > size)
            or sum(one.rows or 0 for one in part) + (piece.rows or 0) > rows
        ):
            yield tuple(part)
            part = []
        part.append(piece)
    if part:
        yield tuple(part)
