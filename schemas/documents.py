"""JSON documents that are long because of the Base64 in their lists, and the form in which they are stored.

Parsing megabytes would hold up all other threads, and make a million objects of what is needed as bytes. So a document
is looked through piece by piece while it comes, and each run of long texts that are Base64 and follow one another in a
list is taken out of it and decoded. What remains is its outline, which is short. As it is stored, a document is `ZOVD`
and its parts in their order, text of the outline and runs in the places where they were:

    T  length, uint32; so many bytes of JSON
    R  count, uint32; so many lengths of items, uint32; the items, decoded

Integers are little-endian. Equal documents are stored as equal bytes, however they have come. What begins otherwise is
the JSON itself, as earlier versions stored it.
"""

import secrets
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt
import pybase64

from schemas import json

_MAGIC, _TEXT, _RUN = b"ZOVD", b"T", b"R"
_HEAD = struct.Struct("<cI")
# Looked through at a time; so much of voiceprints is also read well at a time.
_PIECE_BYTES = 1 << 20
# Shorter ones stay in the outline. Whatever else than a voiceprint a request may name is shorter as well.
_LONG = 65
# Text without a quotation mark for so long is no voiceprint.
_MOST_HELD = 1 << 21
_SPACE = b" \t\n\r"
# Stands for a run where an outline is parsed; made anew by every process, so that no client can write it.
_MARK = secrets.token_hex(16)

Sizes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Run:
    """Texts that follow one another in a list, decoded. `sizes` has shape (n,): how many bytes each has; `read` returns
    all of them, one after the other."""

    sizes: Sizes
    read: Callable[[], bytes]

    @classmethod
    def of(cls, items: Sequence[bytes]) -> Self:
        data = b"".join(items)
        return cls(np.fromiter(map(len, items), "<u4", len(items)), lambda: data)

    def __len__(self) -> int:
        return len(self.sizes)


class Sound(list[Any]):
    """A list of texts that have all been found to be Base64."""


class Outline:
    """What is left of a document: JSON in which a mark stands for each run, and how many items each run has. Of one
    longer than `most` bytes nothing is kept, and it is not `kept` any more."""

    def __init__(self, most: int | None = None) -> None:
        self._most, self._size = most, 0
        self._texts: list[bytes] = []
        self._counts: list[int] = []
        self.kept = True

    @property
    def items(self) -> int:
        """How many all runs have together."""
        return sum(self._counts)

    def add(self, part: bytes | Run) -> None:
        if isinstance(part, Run):
            self._put(b'"%s%d"' % (_MARK.encode(), len(self._counts)))
            self._counts.append(len(part))
        else:
            self._put(part)

    def _put(self, text: bytes) -> None:
        self._size += len(text)
        if self.kept:
            self._texts.append(text)
        if self._most is not None and self._size > self._most:
            self.kept, self._texts, self._counts = False, [], []

    def text(self) -> bytes:
        """All of it."""
        return b"".join(self._texts)

    def parsed(self, text: bytes) -> Any:
        """What `text`, which is all of it, says. Four characters of Base64 stand for each item of a run, for a check
        that looks at no text of a list that is Sound. Raises ValueError where it is no JSON."""
        return _filled(json.decode(text), lambda number: ["AAAA"] * self._counts[number])


class Writer:
    """A document on its way into the store; `outline` becomes its outline."""

    def __init__(self, outline: Outline) -> None:
        self._scanner, self._outline = _Scanner(), outline
        self._opening = _MAGIC

    def add(self, chunk: bytes) -> bytes:
        """What is to be stored once `chunk` has come."""
        return b"".join(self._stored(self._scanner.add(chunk)))

    def end(self) -> bytes:
        """The rest of it, once all has come."""
        return b"".join(self._stored(self._scanner.end()))

    def _stored(self, parts: Iterable[bytes | Run]) -> Iterator[bytes]:
        yield self._opening
        self._opening = b""
        for part in parts:
            self._outline.add(part)
            if isinstance(part, Run):
                yield _HEAD.pack(_RUN, len(part)) + part.sizes.tobytes()
                yield part.read()
            else:
                yield _HEAD.pack(_TEXT, len(part))
                yield part


class _Scanner:
    """Finds the parts of a document that comes in whatever pieces. They are the same for all of these."""

    def __init__(self) -> None:
        self._held = b""
        self._waiting: list[memoryview] = []
        self._missing = _PIECE_BYTES

    def add(self, chunk: bytes) -> Iterator[bytes | Run]:
        rest = memoryview(chunk)
        while len(rest) >= self._missing:
            whole = b"".join((self._held, *self._waiting, rest[: self._missing]))
            rest = rest[self._missing :]
            self._waiting, self._missing = [], _PIECE_BYTES
            yield from self._parts(whole)
        if rest:
            self._waiting.append(rest)
            self._missing -= len(rest)

    def end(self) -> Iterator[bytes | Run]:
        parts = b"".join((self._held, *self._waiting)).split(b'"')
        return _split(parts, len(parts))

    def _parts(self, whole: bytes) -> Iterable[bytes | Run]:
        found = _regular(whole)
        if found is not None:
            place, run, end = found
            self._held = whole[end:]
            return whole[:place], run
        parts = whole.split(b'"')
        # What follows an item must have come, and what is held back must not begin with an item: it is not known any
        # more what stood before it.
        keep = len(parts) - 3
        while keep > 0 and len(parts[keep]) >= _LONG:
            keep -= 1
        if keep > 0:
            self._held = b'"'.join(parts[keep:])
            return _split(parts, keep)
        self._held, passed = (b"", whole) if len(whole) > _MOST_HELD else (whole, b"")
        return (passed,) if passed else ()


def _regular(whole: bytes) -> tuple[int, Run, int] | None:
    """Of a piece that is nothing but items of one length, written one like the other: where the first begins, they, and
    where the last ends. None for any other, and where one is no Base64."""
    start = whole.find(b'"') + 1
    end = whole.find(b'"', start)
    after = whole.find(b'"', end + 1) + 1
    length, width = end - start, after - start
    if start < 2 or length < _LONG or length % 4 or width <= length or not _opens(whole[: start - 1]):
        return None
    count = (len(whole) - start) // width
    if whole[end + 1 : after - 1].strip(_SPACE) != b"," or 2 * count * width < len(whole):
        return None
    rows = np.frombuffer(whole, np.uint8, count * width, start).reshape(count, width)
    if not (rows[:, length:] == rows[0, length:]).all():
        return None
    data = _decoded(rows[:, :length].tobytes())
    # With padding at the end; before that there is none in Base64.
    if data is None or len(data) * 4 != count * length * 3:
        return None
    sizes = np.full(count, len(data) // count, "<u4")
    return start - 1, Run(sizes, lambda: data), start + (count - 1) * width + length + 1


def _split(parts: list[bytes], count: int) -> Iterator[bytes | Run]:
    """The parts of what the first `count` of `parts` hold, between which quotation marks stand; behind them stands one
    where there are more."""
    done, run = 0, list[bytes]()
    for place, item in _items(parts, count):
        if run and not (place == done + 1 and parts[done].strip(_SPACE) == b","):
            yield Run.of(run)
            run = []
        if not run:
            yield b'"'.join(parts[done:place])
        run.append(item)
        done = place + 1
    if run:
        yield Run.of(run)
    if done < count:
        yield b'"'.join(parts[done:count]) + (b'"' if count < len(parts) else b"")


def _items(parts: list[bytes], count: int) -> Iterator[tuple[int, bytes]]:
    """Where among the first `count` parts long items of lists stand that are Base64, and what for.

    Between an unescaped mark and a bracket or a comma there is no long text but an item or a name, and no name is
    followed by a comma or a bracket.
    """
    for place in range(1, min(count, len(parts) - 1)):
        if len(parts[place]) >= _LONG and _opens(parts[place - 1]) and _follows(parts[place + 1]):
            item = _decoded(parts[place])
            if item is not None:
                yield place, item


def _opens(before: bytes) -> bool:
    return before[-64:].rstrip()[-1:] in (b"[", b",")


def _follows(after: bytes) -> bool:
    return after[:64].lstrip()[:1] in (b"]", b",")


def _decoded(text: bytes) -> bytes | None:
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return None


def parts(file: BinaryIO) -> Iterator[bytes | Run]:
    """Those of the document in `file`, from its beginning; runs are read when they are asked for."""
    if file.read(len(_MAGIC)) != _MAGIC:
        file.seek(0)
        scanner = _Scanner()
        while piece := file.read(_PIECE_BYTES):
            yield from scanner.add(piece)
        yield from scanner.end()
        return
    while head := file.read(_HEAD.size):
        kind, number = _HEAD.unpack(head)
        if kind == _TEXT:
            yield file.read(number)
            continue
        sizes = np.frombuffer(file.read(4 * number), "<u4")
        place, size = file.tell(), int(sizes.sum())
        yield Run(sizes, partial(_read, file, place, size))
        file.seek(place + size)


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def load(file: BinaryIO) -> dict[str, Any]:
    """The document in `file`, a JSON object that has been checked to be what its technology takes; it must stay open.

    In its lists runs stand for their items. Raises ValueError where it is no JSON.
    """
    outline, runs = Outline(), list[Run]()
    for part in parts(file):
        outline.add(part)
        if isinstance(part, Run):
            runs.append(part)
    document: dict[str, Any] = _filled(json.decode(outline.text()), lambda number: [runs[number]])
    return document


def _filled(document: Any, items: Callable[[int], list[Any]]) -> Any:
    """`document` with the `items` of every run, which is named by its number, in the place of its mark."""
    if not isinstance(document, dict):
        return document
    return {name: _whole(value, items) if isinstance(value, list) else value for name, value in document.items()}


def _whole(given: list[Any], items: Callable[[int], list[Any]]) -> list[Any]:
    marked = [isinstance(one, str) and one.startswith(_MARK) for one in given]
    whole: list[Any] = Sound() if all(marked) else []
    for one, stands_for_more in zip(given, marked, strict=True):
        whole += items(int(one[len(_MARK) :])) if stands_for_more else [one]
    return whole
