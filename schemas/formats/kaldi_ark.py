"""Kaldi's archives, binary: a key, a space, `\\0B` and a vector or a matrix, one after the other.

A vector is a row; of a matrix every row is one, under the key of the matrix. Layouts and the arithmetic of the three
compressed kinds are those of Kaldi's `matrix/kaldi-vector.cc`, `kaldi-matrix.cc` and `compressed-matrix.cc`, to the
bit.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from schemas import arrow, bounded
from schemas.bounded import exactly
from schemas.errors import VoiceprintMalformed
from schemas.formats import Asked, Floats, Rows, Vectors, floats, text

NAME, TITLE = "kaldi", "a Kaldi archive"
SUFFIX = ".ark"
# Rows are told in a file beside it: a key may stand for several.
TELLS_ROWS = False

_BEGINS = re.compile(rb"[^\s\0]{1,4096} \0B[FDC]")
_PLAIN: dict[bytes, np.dtype[Any]] = {b"F": np.dtype("<f4"), b"D": np.dtype("<f8")}
# Of the wide kinds of compression: of a number, and the share of the range that one step of it is.
_STEPS: dict[bytes, tuple[np.dtype[Any], float]] = {
    b"CM2": (np.dtype("<u2"), 1 / 65535),
    b"CM3": (np.dtype("u1"), 1 / 255),
}
_QUANTILE = np.float32(1.52590218966964e-05)


def recognises(head: bytes) -> bool:
    return _BEGINS.match(head) is not None


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    row = 0
    while (key := _key(file)) is not None:
        for block in value(file):
            yield Vectors(row, block, [key] * len(block))
            row += len(block)


def value(file: BinaryIO) -> Iterator[Floats]:
    """The vector or matrix that stands here, beginning with `\\0B`, in blocks of shape (n, dimension)."""
    if exactly(file, 2) != b"\0B":
        raise VoiceprintMalformed("the archive is not binary where an entry begins")
    token = _token(file)
    if token[:1] in _PLAIN and token[1:] == b"V":
        dimension = bounded.require_dimension(_size(file))
        kind = _PLAIN[token[:1]]
        yield floats(np.frombuffer(exactly(file, kind.itemsize * dimension), kind)[np.newaxis])
    elif token[:1] in _PLAIN and token[1:] == b"M":
        rows, dimension = _size(file), bounded.require_dimension(_size(file))
        kind = _PLAIN[token[:1]]
        for count in bounded.pieces(rows, kind.itemsize * dimension):
            found = np.frombuffer(exactly(file, kind.itemsize * dimension * count), kind)
            yield floats(found.reshape(count, dimension))
    elif token in (b"CM", *_STEPS):
        yield from _compressed(file, token)
    else:
        raise VoiceprintMalformed(f"an entry of the kind {text(token)!r}, which is no vector or matrix")


def _compressed(file: BinaryIO, token: bytes) -> Iterator[Floats]:
    least, span, rows, dimension = struct.unpack("<ffii", exactly(file, 16))
    bounded.require_dimension(dimension)
    least, span = np.float32(least), np.float32(span)
    if rows < 0:
        raise VoiceprintMalformed(f"a matrix of {rows} rows")
    with np.errstate(all="ignore"):
        if token == b"CM":
            yield from _by_columns(file, least, span, rows, dimension)
            return
        kind, step = _STEPS[token]
        width = np.float32(float(span) * step)
        for count in bounded.pieces(rows, 4 * dimension):
            packed = np.frombuffer(exactly(file, kind.itemsize * dimension * count), kind)
            yield (least + packed.astype(np.float32) * width).reshape(count, dimension)


def _by_columns(file: BinaryIO, least: Any, span: Any, rows: int, dimension: int) -> Iterator[Floats]:
    """The kind in which every column has quantiles of its own, and stands by itself."""
    if rows * dimension > bounded.BLOCK_BYTES:
        raise VoiceprintMalformed(f"a compressed matrix of {rows:,} by {dimension:,}, which must be read at once")
    quantiles = np.frombuffer(exactly(file, 8 * dimension), "<u2").reshape(dimension, 4)
    lowest, low, high, highest = (least + span * _QUANTILE * quantiles.astype(np.float32)).T[:, :, np.newaxis]
    packed = np.frombuffer(exactly(file, rows * dimension), "u1").reshape(dimension, rows).astype(np.float32)
    # Differences and their first product in 32 bits, the rest in 64.
    below, between, above = (
        begin + ((end - begin) * (packed - first)).astype(np.float64) * share
        for begin, end, first, share in (
            (lowest, low, 0, 1 / 64),
            (low, high, 64, 1 / 128),
            (high, highest, 192, 1 / 63),
        )
    )
    found = np.where(packed <= 64, below, np.where(packed <= 192, between, above))
    matrix = np.ascontiguousarray(found.T, np.float32)
    at = 0
    for count in bounded.pieces(rows, 4 * dimension):
        yield matrix[at : at + count]
        at += count


def _key(file: BinaryIO) -> str | None:
    found = _word(file, bounded.MOST_KEY)
    if found is None:
        return None
    if not found:
        raise VoiceprintMalformed("an entry of the archive has no key")
    return text(found)


def _token(file: BinaryIO) -> bytes:
    return _word(file, 4) or b""


def _word(file: BinaryIO, most: int) -> bytes | None:
    """What stands before the next space, which is taken as well; None at the end of the file."""
    found = bytearray()
    while (letter := file.read(1)) != b" ":
        if not letter and not found:
            return None
        if not letter or len(found) == most:
            raise VoiceprintMalformed("the archive is damaged where an entry begins")
        found += letter
    return bytes(found)


def _size(file: BinaryIO) -> int:
    width, size = struct.unpack("<bi", exactly(file, 5))
    if width != 4 or size < 0:
        raise VoiceprintMalformed("the archive is damaged where an entry tells its size")
    return int(size)


def write(file: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """A float vector for each row under its key, or `source:row` where it has none, and `.channel` after it but for the
    first; blanks in it become `_`."""
    del schema
    for batch in batches:
        rows = batch.select([name for name in ("key", "source", "row", "channel") if name in batch.schema.names])
        for row, vector in zip(rows.to_pylist(), arrow.matrix(batch.column("vector")), strict=True):
            channel = f".{row['channel']}" if row.get("channel") else ""
            name = re.sub(r"[\s\0]", "_", (row["key"] or f"{row['source']}:{row['row']}") + channel)
            file.write(name.encode() + b" \0BFV " + struct.pack("<bi", 4, len(vector)) + vector.tobytes())
