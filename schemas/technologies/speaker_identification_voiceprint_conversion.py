"""Voiceprints in, their vectors out, value for value those of the extraction."""

import io
import struct
from collections.abc import Iterable, Iterator
from typing import Annotated, BinaryIO

import msgpack
import numpy as np
import numpy.typing as npt
from pydantic import Field

from schemas.figures import VoiceprintVector
from schemas.representations import Floats, Items, Tree, arrow
from schemas.technologies import Result, Technology
from schemas.voiceprint_lists import VoiceprintsDocument

# Numbers rendered at a time: a fifth of a megabyte of text, so that neither memory nor an event loop notices.
_BLOCK = 1 << 14
_MAGIC, _HEAD = b"ZOVR", struct.Struct("<4sI")


class Conversion(Result):
    """The vectors that the voiceprints hold, equal value for value to those of their extraction."""

    vector_voiceprints: Annotated[list[VoiceprintVector], Field(description="In the order of the input.")]


def pack(blocks: Iterable[npt.NDArray[np.float32]]) -> bytes:
    """The stored result of vectors, some at a time: shape (n, dimension), zeros without speech.

    It is `ZOVR` and the number of vectors; how many values each has, none without speech, four bytes each; and all
    values as float32. Integers and values are little-endian.
    """
    lengths, values = [], []
    for block in blocks:
        spoken = block.any(axis=1)
        lengths.append(np.where(spoken, block.shape[1], 0).astype("<u4").tobytes())
        values.append(np.ascontiguousarray(block if spoken.all() else block[spoken], "<f4").data)
    counted = b"".join(lengths)
    return b"".join((_HEAD.pack(_MAGIC, len(counted) // 4), counted, *values))


def _blocks(stored: BinaryIO) -> tuple[npt.NDArray[np.uint32], Iterator[tuple[npt.NDArray[np.uint32], Floats]]]:
    """How many values every vector has, and blocks of that with the values."""
    head = stored.read(_HEAD.size)
    if not head.startswith(_MAGIC):
        # As earlier versions stored it: one msgpack bin of float32 little-endian values per vector.
        stored.seek(0)
        vectors = [np.frombuffer(raw, "<f4") for raw in msgpack.Unpacker(stored)]
        stored = io.BytesIO(b"".join(vector.tobytes() for vector in vectors))
        lengths = np.array([len(vector) for vector in vectors], np.uint32)
    else:
        _, count = _HEAD.unpack(head)
        lengths = np.frombuffer(stored.read(4 * count), "<u4")
    return lengths, _read(stored, lengths)


def _read(stored: BinaryIO, lengths: npt.NDArray[np.uint32]) -> Iterator[tuple[npt.NDArray[np.uint32], Floats]]:
    at_a_time = max(1, _BLOCK // int(lengths.max(initial=1) or 1))
    for start in range(0, len(lengths), at_a_time):
        some = lengths[start : start + at_a_time]
        yield some, np.frombuffer(stored.read(4 * int(some.sum())), "<f4")


def _vectors(lengths: npt.NDArray[np.uint32], values: Floats) -> list[Floats] | Floats:
    if lengths[0] and (lengths == lengths[0]).all():
        return values.reshape(len(lengths), -1)
    return np.split(values, np.cumsum(lengths[:-1]))


def unpack(stored: BinaryIO) -> Iterator[Floats]:
    """The vectors of a stored result, each of shape (dimension,), or (0,) without speech."""
    for lengths, values in _blocks(stored)[1]:
        yield from _vectors(lengths, values)


def show(stored: BinaryIO) -> Tree:
    lengths, blocks = _blocks(stored)
    return {"vector_voiceprints": Items(len(lengths), (_vectors(*block) for block in blocks))}


def table(stored: BinaryIO) -> Iterator[bytes]:
    """Arrow: a row for each voiceprint."""
    return arrow.stream("vector_voiceprints", _blocks(stored)[1])


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-conversion",
    summary="Turns stored voiceprints into their vectors.",
    show=show,
    table=table,
    result=Conversion,
    document=VoiceprintsDocument,
)
