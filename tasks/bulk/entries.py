"""What stands in a vector database for each vector, under an id that tells where it came from: whoever puts the same in
again, after a kill or another day, changes nothing.

The id is a UUID of version 5 (RFC 9562): of `SOURCE#ROW` in the namespace of URLs; or, where keys are asked for, of the
row's key in that of object identifiers. The channels of a recording but its first add `.CHANNEL`. A row that has no key
has the id of its place.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from schemas import arrow
from tasks.bulk.batches import CHANNEL, KEY, ROW, SOURCE
from tasks.bulk.conversion import MODEL, SPACE, VECTOR

ID = "id"
# What is told of an entry besides its id and its vector.
TOLD = (SOURCE, ROW, CHANNEL, KEY, MODEL, SPACE)
_MAY_LACK = (CHANNEL, KEY)

_PLACES, _KEYS = uuid.NAMESPACE_URL.bytes, uuid.NAMESPACE_OID.bytes
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_HYPHENS = (8, 13, 18, 23)
_DIGITS = np.delete(np.arange(36), _HYPHENS)


def schema(dimension: int) -> Any:
    """Of entries: nothing is null but the channel and the key of a row that has none."""
    pa = arrow.pyarrow()
    kinds = {ID: pa.string(), **dict.fromkeys(TOLD, pa.string()), ROW: pa.int64(), CHANNEL: pa.int64()}
    vector = pa.field(VECTOR, pa.list_(pa.float32(), dimension), nullable=False)
    return pa.schema([*(pa.field(name, kind, name in _MAY_LACK) for name, kind in kinds.items()), vector])


def entries(batches: Iterable[Any], dimension: int, *, by_key: bool, values: int) -> Iterator[Any]:
    """Tables of entries, of about `values` numbers each, from batches of float32 vectors of shape (n, `dimension`); no
    id is twice in one: of rows with the same key the last stays."""
    rows = max(1, values // dimension)
    for table in _gathered(batches, rows):
        ids = _ids(_names(table, by_key))
        made = table.select([*TOLD, VECTOR]).add_column(0, ID, ids).cast(schema(dimension))
        last = {one: place for place, one in enumerate(ids.to_pylist())} if by_key else None
        yield made if last is None or len(last) == len(made) else made.take(list(last.values()))


def _gathered(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """The same rows as tables, of `rows` each but where what came together ends."""
    pa = arrow.pyarrow()
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= rows:
            yield from _cut(pa.Table.from_batches(held), rows)
            held = []
    if held:
        yield from _cut(pa.Table.from_batches(held), rows)


def _cut(table: Any, rows: int) -> Iterator[Any]:
    if CHANNEL not in table.column_names:
        table = table.append_column(CHANNEL, arrow.pyarrow().nulls(len(table)))
    for start in range(0, len(table), rows):
        yield table.slice(start, rows)


def _names(table: Any, by_key: bool) -> Iterator[bytes]:
    """Of each row what its id is made of."""
    keys = table[KEY].to_pylist() if by_key else [None] * len(table)
    places = (table[name].to_pylist() for name in (SOURCE, ROW, CHANNEL))
    for source, row, channel, key in zip(*places, keys, strict=True):
        namespace, name = (_PLACES, f"{source}#{row}") if key is None else (_KEYS, key)
        yield namespace + (f"{name}.{channel}" if channel else name).encode()


def _ids(names: Iterable[bytes]) -> Any:
    """As `uuid.uuid5` makes them, all at once."""
    pa = arrow.pyarrow()
    made = b"".join(hashlib.sha1(name, usedforsecurity=False).digest()[:16] for name in names)
    bytes_ = np.frombuffer(made, np.uint8).reshape(-1, 16).copy()
    bytes_[:, 6] = bytes_[:, 6] & 0x0F | 0x50
    bytes_[:, 8] = bytes_[:, 8] & 0x3F | 0x80
    text = np.full((len(bytes_), 36), ord("-"), np.uint8)
    text[:, _DIGITS] = _HEX[bytes_].reshape(-1, 32)
    ends = np.arange(len(text) + 1, dtype=np.int32) * 36
    return pa.StringArray.from_buffers(len(text), pa.py_buffer(ends), pa.py_buffer(text))
