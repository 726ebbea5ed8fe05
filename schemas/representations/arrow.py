"""Results as Arrow IPC streams: lists of float32 numbers, and tables of a few kinds of columns.

Written as the Arrow columnar format, version 1.5, describes it: a schema, record batches, an end; each message is a
FlatBuffer with, in a batch, the buffers behind it. A field of a table is named here by its number in Arrow's
`Message.fbs` and `Schema.fbs`.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from schemas.representations import Floats

_VERSION_5 = 4
_SCHEMA, _RECORD_BATCH = 1, 3
_INT, _FLOATING_POINT, _TEXT, _LIST, _FIXED_SIZE_LIST = 2, 3, 5, 12, 16
_SINGLE = 1
_CONTINUES = b"\xff\xff\xff\xff"
_END = _CONTINUES + bytes(4)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `kind` is the number of its type, which `described` writes."""

    name: str
    kind: int
    described: Callable[[Any], int]
    nullable: bool = False
    children: tuple["Column", ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """Those of a column in one batch. `nodes` are lengths and numbers of nulls, outermost first."""

    nodes: Sequence[tuple[int, int]]
    buffers: Sequence[bytes]


def stream(column: str, batches: Iterable[tuple[npt.NDArray[np.integer], Floats]]) -> Iterator[bytes]:
    """A stream whose one column, not nullable, holds lists of float32: `batches` are the lengths of lists (n,), and
    their values one after the other."""
    lists = Column(column, _LIST, _nothing, children=(_FLOATS,))
    return table([lists], ([_lists(*batch)] for batch in batches))


def table(columns: Sequence[Column], batches: Iterable[Sequence[Values]]) -> Iterator[bytes]:
    """A stream of `columns`, of which every batch has the values."""
    yield _message(_SCHEMA, lambda builder: _schema(builder, columns))
    for batch in batches:
        nodes = [node for values in batch for node in values.nodes]
        yield from _batch(nodes, [buffer for values in batch for buffer in values.buffers])
    yield _END


def whole_numbers(name: str) -> Column:
    """Integers of 64 bits."""
    return Column(name, _INT, _int64)


def texts(name: str) -> Column:
    """Text or nothing."""
    return Column(name, _TEXT, _nothing, nullable=True)


def vectors(name: str, dimension: int) -> Column:
    """Lists of so many float32, or nothing."""

    def described(builder: Any) -> int:
        builder.StartObject(1)
        builder.PrependInt32Slot(0, dimension, 0)
        return int(builder.EndObject())

    return Column(name, _FIXED_SIZE_LIST, described, nullable=True, children=(_FLOATS,))


def of_whole_numbers(numbers: npt.NDArray[np.integer]) -> Values:
    """Shape (n,)."""
    return Values([(len(numbers), 0)], [b"", numbers.astype("<i8", copy=False).tobytes()])


def of_texts(given: Sequence[str | None]) -> Values:
    """Some of them None."""
    encoded = [b"" if text is None else text.encode() for text in given]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    there = np.fromiter((text is not None for text in given), np.bool_, len(given))
    return Values([(len(given), _nulls(there))], [_validity(there), _offsets_of(lengths), b"".join(encoded)])


def of_vectors(there: npt.NDArray[np.bool_], found: Floats, dimension: int) -> Values:
    """Which of n rows have a vector, and those vectors (m, dimension)."""
    spread = found
    if not there.all():
        spread = np.zeros((len(there), dimension), np.float32)
        if there.any():
            spread[there] = found
    nodes = [(len(there), _nulls(there)), (spread.size, 0)]
    return Values(nodes, [_validity(there), b"", spread.astype("<f4", copy=False).tobytes()])


def _lists(lengths: npt.NDArray[np.integer], values: Floats) -> Values:
    buffers = [b"", _offsets_of(lengths), b"", values.astype("<f4", copy=False).tobytes()]
    return Values([(len(lengths), 0), (len(values), 0)], buffers)


def _offsets_of(lengths: npt.NDArray[np.integer]) -> bytes:
    offsets = np.zeros(len(lengths) + 1, "<i4")
    np.cumsum(lengths, out=offsets[1:])
    return offsets.tobytes()


def _nulls(there: npt.NDArray[np.bool_]) -> int:
    return len(there) - int(there.sum())


def _validity(there: npt.NDArray[np.bool_]) -> bytes:
    return b"" if there.all() else np.packbits(there, bitorder="little").tobytes()


def _batch(nodes: list[tuple[int, int]], buffers: list[bytes]) -> Iterator[bytes]:
    """The pieces of a record batch: `nodes` are lengths and numbers of nulls, outermost first."""
    places, body = [], list[bytes]()
    end = 0
    for buffer in buffers:
        places.append((end, len(buffer)))
        body += [buffer, bytes(-len(buffer) % 8)]
        end += -(-len(buffer) // 8) * 8

    def header(builder: Any) -> int:
        tables = []
        for rows in (nodes, places):
            builder.StartVector(16, len(rows), 8)
            for first, second in reversed(rows):
                builder.Prep(8, 16)
                builder.PrependInt64(second)
                builder.PrependInt64(first)
            tables.append(builder.EndVector())
        builder.StartObject(4)
        builder.PrependInt64Slot(0, nodes[0][0], 0)
        builder.PrependUOffsetTRelativeSlot(1, tables[0], 0)
        builder.PrependUOffsetTRelativeSlot(2, tables[1], 0)
        return int(builder.EndObject())

    yield _message(_RECORD_BATCH, header, end)
    yield from filter(None, body)


def _schema(builder: Any, columns: Sequence[Column]) -> int:
    fields = _offsets(builder, [_field(builder, column) for column in columns])
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, fields, 0)
    return int(builder.EndObject())


def _field(builder: Any, column: Column) -> int:
    below = _offsets(builder, [_field(builder, child) for child in column.children])
    text, described = builder.CreateString(column.name), column.described(builder)
    builder.StartObject(7)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    builder.PrependBoolSlot(1, column.nullable, False)
    builder.PrependUint8Slot(2, column.kind, 0)
    builder.PrependUOffsetTRelativeSlot(3, described, 0)
    builder.PrependUOffsetTRelativeSlot(5, below, 0)
    return int(builder.EndObject())


def _nothing(builder: Any) -> int:
    """The table of a type that has nothing to tell."""
    builder.StartObject(0)
    return int(builder.EndObject())


def _single(builder: Any) -> int:
    builder.StartObject(1)
    builder.PrependInt16Slot(0, _SINGLE, 0)
    return int(builder.EndObject())


def _int64(builder: Any) -> int:
    builder.StartObject(2)
    builder.PrependInt32Slot(0, 64, 0)
    builder.PrependBoolSlot(1, True, False)
    return int(builder.EndObject())


_FLOATS = Column("item", _FLOATING_POINT, _single)


def _offsets(builder: Any, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _message(kind: int, header: Callable[[Any], int], body_bytes: int = 0) -> bytes:
    """A message up to its body, whose length is a multiple of 8."""
    builder = flatbuffers.Builder(256)
    content = header(builder)
    builder.StartObject(5)
    builder.PrependInt16Slot(0, _VERSION_5, 0)
    builder.PrependUint8Slot(1, kind, 0)
    builder.PrependUOffsetTRelativeSlot(2, content, 0)
    builder.PrependInt64Slot(3, body_bytes, 0)
    builder.Finish(builder.EndObject())
    metadata = bytes(builder.Output())
    metadata += bytes(-len(metadata) % 8)
    return _CONTINUES + struct.pack("<i", len(metadata)) + metadata
