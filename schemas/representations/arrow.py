"""Lists of float32 numbers as an Arrow IPC stream, of one column.

Written as the Arrow columnar format, version 1.5, describes it: a schema, record batches, an end; each message is a
FlatBuffer with, in a batch, the buffers behind it. A field of a table is named here by its number in Arrow's
`Message.fbs` and `Schema.fbs`.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from schemas.representations import Floats

_VERSION_5 = 4
_SCHEMA, _RECORD_BATCH = 1, 3
_FLOATING_POINT, _LIST = 3, 12
_SINGLE = 1
_CONTINUES = b"\xff\xff\xff\xff"
_END = _CONTINUES + bytes(4)


def stream(column: str, batches: Iterable[tuple[npt.NDArray[np.integer], Floats]]) -> Iterator[bytes]:
    """A stream whose one column, not nullable, holds lists of float32: `batches` are the lengths of lists (n,), and
    their values one after the other."""
    yield _message(_SCHEMA, lambda builder: _schema(builder, column))
    for lengths, values in batches:
        offsets = np.zeros(len(lengths) + 1, "<i4")
        np.cumsum(lengths, out=offsets[1:])
        buffers = [b"", offsets.tobytes(), b"", values.astype("<f4", copy=False).tobytes()]
        nodes = [(len(lengths), 0), (len(values), 0)]
        yield from _batch(nodes, buffers)
    yield _END


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


def _schema(builder: Any, column: str) -> int:
    builder.StartObject(1)
    builder.PrependInt16Slot(0, _SINGLE, 0)
    single = builder.EndObject()
    item = _field(builder, "item", _FLOATING_POINT, single, [])
    builder.StartObject(0)
    lists = builder.EndObject()
    fields = _offsets(builder, [_field(builder, column, _LIST, lists, [item])])
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, fields, 0)
    return int(builder.EndObject())


def _field(builder: Any, name: str, kind: int, described: int, children: list[int]) -> int:
    text, below = builder.CreateString(name), _offsets(builder, children)
    builder.StartObject(7)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    builder.PrependBoolSlot(1, False, True)
    builder.PrependUint8Slot(2, kind, 0)
    builder.PrependUOffsetTRelativeSlot(3, described, 0)
    builder.PrependUOffsetTRelativeSlot(5, below, 0)
    return int(builder.EndObject())


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
