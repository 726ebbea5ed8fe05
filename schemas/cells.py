"""One voiceprint in a cell of a table, a line or a text of JSON, told by its content; whole columns at once.

ZOVP…           a container of this appliance, as bytes or as Base64 (`Wk9WUA…`)
{i…             a voiceprint of Phonexia in UBJSON, as bytes or as Base64 (`e2k…`)
[16.07, …]      a list of decimals as text
…               bare numbers, as bytes, where their kind is asked for
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
    def of(cls, cells: Sequence[bytes]) -> "Column":
        offsets = np.zeros(len(cells) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, cells), np.int64, len(cells)), out=offsets[1:])
        return cls(memoryview(b"".join(cells)), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def cell(self, place: int) -> bytes:
        return bytes(self.data[self.offsets[place] : self.offsets[place + 1]])


class Reader:
    """Reads column after column. Containers are taken as `signatures` says; `raw` is `<f4` or `<f2` of bare numbers."""

    def __init__(self, signatures: Signatures = UNSIGNED, raw: str | None = None) -> None:
        self._signatures, self._raw = signatures, raw
        self._blocks = Blocks(signatures)

    def read(self, column: Column) -> Iterator[Found | Unusable]:
        """What is in every cell of `column`, each exactly once."""
        lengths = np.diff(column.offsets)
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            containers = _containers(column, places, int(length))
            if containers is None:
                for place in places.tolist():
                    yield self._one(column.cell(place), place)
            else:
                yield from self._together(containers, places)

    def _together(self, containers: bytes, places: Places) -> Iterator[Found | Unusable]:
        for read in self._blocks.read(np.frombuffer(containers, np.uint8).reshape(len(places), -1)):
            if isinstance(read, Refused):
                # A foreign voiceprint may have the length of one of ours.
                yield self._bytes(read.container, int(places[read.place]))
            else:
                found = read.voiceprints
                yield Found(places[read.places], found.vectors, found.model, found.space)

    def _one(self, cell: bytes, place: int) -> Found | Unusable:
        begins = cell[:8].lstrip(_SPACE)[:1]
        if begins == b"[":
            return _kept(place, lambda: _decimals(cell))
        if self._raw or begins == b"{" or cell.startswith((MAGIC, *_FOREIGN)):
            return self._bytes(cell, place)
        try:
            return self._bytes(from_base64(cell.strip(_SPACE)), place)
        except VoiceprintError as error:
            return Unusable(place, error)

    def _bytes(self, cell: bytes, place: int) -> Found | Unusable:
        if cell.startswith(b"{i"):
            return _kept(place, lambda: ubjson.embedding(cell))
        if self._raw and not cell.startswith(MAGIC):
            return _kept(place, lambda: _numbers(cell, self._raw or ""))
        try:
            one = self._signatures.decode(cell)
        except VoiceprintWrongMagic:
            return Unusable(place, _foreign(cell))
        except VoiceprintError as error:
            return Unusable(place, error)
        return Found(np.array([place]), one.vector[np.newaxis], one.model, one.space)


def _containers(column: Column, places: Places, length: int) -> bytes | None:
    """What stands at `places`, all of one length, as bytes one after the other; None where it is not containers in
    plain Base64 or as they are."""
    if not length:
        return None
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        whole = column.data[column.offsets[first] : column.offsets[last + 1]]
    else:
        whole = memoryview(b"".join([column.data[start : start + length] for start in column.offsets[places].tolist()]))
    if bytes(whole[:4]) == MAGIC:
        return bytes(whole)
    # Padding within it is not Base64 either: what has some is decoded by itself.
    if length % 4 or whole[-1] == ord("="):
        return None
    try:
        return pybase64.b64decode(whole, validate=True)
    except ValueError:
        return None


def _kept(place: int, read: Callable[[], Floats]) -> Found | Unusable:
    try:
        vector = read()
    except VoiceprintError as error:
        return Unusable(place, error)
    return Found(np.array([place]), vector[np.newaxis])


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


def _foreign(cell: bytes) -> VoiceprintWrongMagic:
    for begins, words in _FOREIGN.items():
        if cell.startswith(begins):
            return VoiceprintWrongMagic(words)
    return VoiceprintWrongMagic("this is not a voiceprint that is read here" if cell else "there is nothing in it")
