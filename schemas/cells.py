"""One voiceprint in a cell of a table, a line or a text of JSON, told by its content; whole columns at once.

ZOVP…           a container of this appliance, as bytes or as Base64 (`Wk9WUA…`)
{i…             a voiceprint of Phonexia in UBJSON, as bytes or as Base64 (`e2k…`)
[16.07, …]      a list of decimals as text
…               bare numbers, as bytes, where their kind is asked for
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pybase64

from schemas import ubjson
from schemas.bounded import require_dimension
from schemas.decimals import decimals
from schemas.errors import (
    VoiceprintError,
    VoiceprintMalformed,
    VoiceprintTruncated,
    VoiceprintWrongLength,
    VoiceprintWrongMagic,
)
from schemas.formats import Floats, floats
from schemas.signatures import UNSIGNED, Signatures
from schemas.voiceprint import MAGIC, MAXIMUM_BYTES, from_base64
from schemas.voiceprint_blocks import Blocks, Places, Refused

_SPACE = b" \t\r\n"
_LIST = re.compile(rb"\s*\[([^\[\]]*)\]\s*")
_FOREIGN = {
    b"VPT ": "it is an XL5 voiceprint of Speech Engine 3, whose layout is not public: extract it from its recording",
    b"\x80": "it looks like a pickle, which may run code when it is opened: save its numbers instead",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Vectors of one model, float32 of shape (n, dimension), zeros where there was no speech; `places`, ascending, are
    the cells in which they stood. Where nothing tells the model, it and the space are None."""

    places: Places
    vectors: Floats
    model: str | None = None
    space: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell that cannot be used."""

    place: int
    error: VoiceprintError


class Column:
    """The cells of a column one after the other: `data` from `offsets[i]` to `offsets[i + 1]`, of n + 1 offsets."""

    def __init__(self, data: memoryview, offsets: npt.NDArray[np.integer]) -> None:
        self.data, self.offsets = data, offsets

    @classmethod
    def of(cls, cells: Sequence[bytes]) -> Self:
        return cls.cut(b"".join(cells), np.fromiter(map(len, cells), np.int64, len(cells)))

    @classmethod
    def cut(cls, data: bytes, sizes: npt.NDArray[np.integer]) -> Self:
        """Cells that have so many bytes each, in `data` one after the other."""
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        return cls(memoryview(data), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def cell(self, place: int) -> bytes:
        return bytes(self.data[self.offsets[place] : self.offsets[place + 1]])

    def by_length(self) -> Iterator[tuple[Places, memoryview]]:
        """For each length that there is, where the cells are that have it, and what is in them, one after the other."""
        lengths = np.diff(self.offsets)
        for length in np.unique(lengths).tolist():
            places = np.flatnonzero(lengths == length)
            first, last = int(places[0]), int(places[-1])
            if last - first + 1 == len(places):
                yield places, self.data[self.offsets[first] : self.offsets[last + 1]]
            else:
                starts = self.offsets[places].tolist()
                yield places, memoryview(b"".join([self.data[start : start + length] for start in starts]))


class Reader:
    """Reads column after column. Containers are taken as `signatures` says; `raw` is `<f4` or `<f2` of bare numbers."""

    def __init__(self, signatures: Signatures = UNSIGNED, raw: str | None = None) -> None:
        self._signatures, self._raw = signatures, raw
        self._blocks = Blocks(signatures)

    def read(self, column: Column) -> Iterator[Found | Unusable]:
        """What is in every cell of `column`, text or bytes, each exactly once."""
        for places, whole in column.by_length():
            contents = _contents(whole, len(whole) // len(places))
            if contents is None:
                for place in places.tolist():
                    yield self._cell(column.cell(place), place)
            else:
                yield from self._together(contents, places)

    def read_contents(self, column: Column) -> Iterator[Found | Unusable]:
        """The same of cells that are no Base64 any more."""
        for places, whole in column.by_length():
            yield from self._together(whole, places)

    def _together(self, contents: bytes | memoryview, places: Places) -> Iterator[Found | Unusable]:
        for read in self._blocks.read(np.frombuffer(contents, np.uint8).reshape(len(places), -1)):
            if isinstance(read, Refused):
                yield self._content(read.container, int(places[read.place]), read.error)
            else:
                found = read.voiceprints
                yield Found(places[read.places], found.vectors, found.model, found.space)

    def _cell(self, cell: bytes, place: int) -> Found | Unusable:
        begins = cell[:8].lstrip(_SPACE)
        plain = begins.startswith((b"[", b"{")) or cell.startswith((MAGIC, *_FOREIGN))
        try:
            content = cell if plain and not self._raw else from_base64(cell.strip(_SPACE))
        except VoiceprintError as error:
            # Bare numbers are no text.
            if not self._raw:
                return Unusable(place, error)
            content = cell
        return self._content(content, place)

    def _content(self, content: bytes, place: int, refused: VoiceprintError | None = None) -> Found | Unusable:
        """What `content` is; `refused` is why it is no container, if that is known."""
        try:
            if not content.startswith(MAGIC):
                return Found(np.array([place]), self._legacy(content)[np.newaxis])
            if refused is not None:
                return Unusable(place, refused)
            one = self._signatures.decode(content)
        except VoiceprintError as error:
            return Unusable(place, error)
        return Found(np.array([place]), one.vector[np.newaxis], one.model, one.space)

    def _legacy(self, content: bytes) -> Floats:
        """The vector of a voiceprint of other systems. Raises VoiceprintError."""
        read = next((read for begins, read in _LEGACY.items() if content.lstrip(_SPACE).startswith(begins)), None)
        if self._raw is None:
            if read is None:
                raise _foreign(content)
            return read(content)
        # Bare numbers may begin like anything, and go on like nothing else.
        if read is not None:
            with suppress(VoiceprintError):
                return read(content)
        return _numbers(content, self._raw)


def _contents(whole: memoryview, length: int) -> bytes | memoryview | None:
    """What stands in cells of one length, one after the other; None where it is neither plain Base64 nor containers as
    they are."""
    if not length:
        return None
    if bytes(whole[:4]) == MAGIC:
        return whole
    # Padding within it is not Base64 either: what has some is decoded by itself.
    if length % 4 or whole[-1] == ord("="):
        return None
    try:
        return pybase64.b64decode(whole, validate=True)
    except ValueError:
        return None


def _decimals(cell: bytes) -> Floats:
    inside = _LIST.fullmatch(cell)
    if inside is None:
        raise VoiceprintMalformed("this is not one list of numbers")
    # Commas as JSON writes them, or blanks alone as NumPy prints them.
    words = inside[1].split(b",") if b"," in inside[1] else inside[1].split()
    vector = decimals([word.strip(_SPACE) for word in words])
    require_dimension(len(vector))
    return vector


def _numbers(cell: bytes, kind: str) -> Floats:
    width = np.dtype(kind).itemsize
    if len(cell) % width:
        raise VoiceprintTruncated(f"{len(cell)} bytes are no numbers of {width} bytes each")
    if len(cell) > MAXIMUM_BYTES:
        raise VoiceprintWrongLength(f"{len(cell):,} bytes; at most {MAXIMUM_BYTES:,} are read")
    require_dimension(len(cell) // width)
    return floats(np.frombuffer(cell, kind))


# How voiceprints of other systems begin, after blanks, and what reads them.
_LEGACY: dict[bytes, Callable[[bytes], Floats]] = {b"{i": ubjson.embedding, b"[": _decimals}
# How contents begin that are read though nothing more is asked.
BEGINNINGS = (MAGIC, *_LEGACY)


def _foreign(cell: bytes) -> VoiceprintWrongMagic:
    for begins, words in _FOREIGN.items():
        if cell.startswith(begins):
            return VoiceprintWrongMagic(words)
    return VoiceprintWrongMagic("this is not a voiceprint that is read here" if cell else "there is nothing in it")
