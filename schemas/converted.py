"""Results of conversions in bulk: as they are stored, block by block, and as tables.

A stored result is msgpack: `ZOVB` and the number of the version; a list for each block, with the number of its first
row, the keys of its rows (nil where none has one), the models and spaces that are in it, the types and messages of its
rejects, of each row which of the one or of the other (int32), and the values of all vectors (float32); then a map, the
summary, and how long that is (uint32). Numbers that are packed together are little-endian.
"""

import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgpack
import numpy as np
import numpy.typing as npt

from schemas import json
from schemas.representations import Floats, arrow

_MAGIC, _VERSION = "ZOVB", 1
_LENGTH = struct.Struct("<I")
# Of one block; a vector has at most 1 MiB.
_MOST_BYTES = 1 << 28
# Whoever sends a model of its own with every voiceprint gets no summary that is as long.
_MOST_MODELS, _OTHERS = 1000, ""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a body from number `first` on.

    `codes` (n,) tells of each row which of `names`, models with their spaces, its vector is of; where it has none, the
    code's complement tells which of `errors`, types with their messages, is why. `vectors` (m, dimension) are in order.
    """

    first: int
    keys: Sequence[str | None] | None
    names: Sequence[Pair]
    errors: Sequence[Pair]
    codes: npt.NDArray[np.int32]
    vectors: Floats

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """Which rows have a vector."""
        return np.asarray(self.codes >= 0)

    def told(self) -> Iterator[tuple[str | None, Pair | None, Pair | None]]:
        """Of each row its key, and model and space or type and message."""
        keys = self.keys or [None] * len(self.codes)
        for key, code in zip(keys, self.codes.tolist(), strict=True):
            yield (key, self.names[code], None) if code >= 0 else (key, None, self.errors[~code])


def pack(blocks: Iterable[Block]) -> Iterator[bytes]:
    """The pieces of the stored result. Raises ValueError where a row is missing, or neither a vector nor a reject."""
    rows = vectors = 0
    dimension: int | None = None
    models, rejects = Counter[str](), Counter[str]()
    yield bytes(msgpack.packb([_MAGIC, _VERSION]))
    for block in blocks:
        there, good = block.there, len(block.vectors)
        if block.first != rows or good != there.sum():
            raise ValueError(f"the rows from {rows} on do not add up")
        rows, vectors = rows + len(there), vectors + good
        dimension = block.vectors.shape[1] if good else dimension
        for (model, _), count in zip(block.names, np.bincount(block.codes[there]).tolist(), strict=False):
            models[model if model in models or len(models) < _MOST_MODELS else _OTHERS] += count
        for (kind, _), count in zip(block.errors, np.bincount(~block.codes[~there]).tolist(), strict=False):
            rejects[kind] += count
        told = [block.first, block.keys, block.names, block.errors]
        codes, values = block.codes.astype("<i4", copy=False), block.vectors.astype("<f4", copy=False)
        yield bytes(msgpack.packb([*told, codes.tobytes(), values.tobytes()]))
    if vectors + rejects.total() != rows:
        raise ValueError(f"{rows} rows are not {vectors} vectors and {rejects.total()} rejects")
    summary = {
        "rows": rows,
        "vectors": vectors,
        "rejects": rows - vectors,
        "dimension": dimension,
        "models": dict(models),
        "reject_types": dict(+rejects),
    }
    packed = bytes(msgpack.packb(summary))
    yield packed + _LENGTH.pack(len(packed))


def summary(stored: BinaryIO) -> dict[str, Any]:
    """That of a stored result, which is at its beginning again."""
    end = stored.seek(-_LENGTH.size, os.SEEK_END)
    (size,) = _LENGTH.unpack(stored.read(_LENGTH.size))
    stored.seek(end - size)
    found: dict[str, Any] = msgpack.unpackb(stored.read(size))
    stored.seek(0)
    return found


def blocks(stored: BinaryIO) -> Iterator[Block]:
    """Those of a stored result."""
    unpacker = msgpack.Unpacker(stored, max_buffer_size=_MOST_BYTES, use_list=False)
    unpacker.skip()
    for found in unpacker:
        if isinstance(found, dict):
            return
        first, keys, names, errors, codes, values = found
        codes, values = np.frombuffer(codes, "<i4"), np.frombuffer(values, "<f4")
        good = int((codes >= 0).sum())
        yield Block(first, keys, names, errors, codes, values.reshape(good, len(values) // max(good, 1)))


def lines(stored: BinaryIO) -> Iterator[bytes]:
    """JSON lines, one for each row in order; a vector in the shortest decimals that read back to the same float32."""
    for block in blocks(stored):
        vectors = iter(block.vectors)
        for row, (key, name, error) in enumerate(block.told(), block.first):
            told: dict[str, Any] = {"row": row, "key": key}
            if name:
                told["model"], told["space"] = name
                told["vector"] = next(vectors)
            elif error:
                told["type"], told["message"] = error
            yield json.encode(told) + b"\n"


def table(stored: BinaryIO) -> Iterator[bytes]:
    """An Arrow stream of the same."""
    dimension = summary(stored)["dimension"] or 0
    columns = [
        arrow.whole_numbers("row"),
        *map(arrow.texts, ("key", "model", "space")),
        arrow.vectors("vector", dimension),
        *map(arrow.texts, ("type", "message")),
    ]
    return arrow.table(columns, (_values(block, dimension) for block in blocks(stored)))


def _values(block: Block, dimension: int) -> list[arrow.Values]:
    keys, names, errors = zip(*block.told(), strict=True)
    models, spaces, types, messages = (
        arrow.of_texts([one and one[which] for one in column]) for column in (names, errors) for which in (0, 1)
    )
    numbers = arrow.of_whole_numbers(np.arange(block.first, block.first + len(keys)))
    vectors = arrow.of_vectors(block.there, block.vectors, dimension)
    return [numbers, arrow.of_texts(keys), models, spaces, vectors, types, messages]
