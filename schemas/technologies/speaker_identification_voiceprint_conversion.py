"""Voiceprints in, their vectors out, value for value those of the extraction; and of other systems' voiceprints the
vectors that they hold."""

import io
import os
import struct
from collections.abc import Iterable, Iterator
from typing import Annotated, BinaryIO, Literal

import msgpack
import numpy as np
import numpy.typing as npt
from pydantic import Field

from schemas.figures import VoiceprintVector
from schemas.representations import ARROW, Floats, Items, Tree, arrow
from schemas.technologies import Document, Parameters, Result, Technology
from schemas.voiceprint_lists import LegacyList

# Numbers rendered at a time: a fifth of a megabyte of text, or half of one as they are, so that neither memory nor an
# event loop notices.
_BLOCK, _TABLE_BLOCK = 1 << 14, 1 << 17
_MAGIC, _COUNT = b"ZOVR", struct.Struct("<I")


class ConversionParameters(Parameters):
    """`raw`: what a voiceprint is that is neither a container nor of another known kind."""

    raw: Annotated[
        Literal["float32", "float16"] | None,
        Field(description="Take Base64 of nothing but numbers, little-endian, for a vector."),
    ] = None


class ConversionDocument(Document):
    """`voiceprints`: ours as Base64, or those of another system, 1 to 50,000."""

    voiceprints: LegacyList


class Conversion(Result):
    """The vectors that the voiceprints hold, equal value for value to those of their extraction."""

    vector_voiceprints: Annotated[list[VoiceprintVector], Field(description="In the order of the input.")]


def pack(blocks: Iterable[npt.NDArray[np.float32]]) -> Iterator[bytes | memoryview]:
    """The pieces of the stored result of vectors, some at a time: shape (n, dimension), zeros without speech.

    It is `ZOVR`; all values as float32; how many values each vector has, none without speech, and the number of
    vectors, four bytes each. Integers and values are little-endian.
    """
    yield _MAGIC
    lengths = []
    for block in blocks:
        spoken = block.any(axis=1)
        lengths.append(np.where(spoken, block.shape[1], 0).astype("<u4"))
        values = np.ascontiguousarray(block if spoken.all() else block[spoken], "<f4")
        yield values.reshape(-1).view(np.uint8).data
    counted = b"".join(one.tobytes() for one in lengths)
    yield counted + _COUNT.pack(len(counted) // _COUNT.size)


def _blocks(
    stored: BinaryIO, most: int = _BLOCK
) -> tuple[npt.NDArray[np.uint32], Iterator[tuple[npt.NDArray[np.uint32], Floats]]]:
    """How many values every vector has, and blocks of that with the values, as a rule of at most so many."""
    if stored.read(len(_MAGIC)) != _MAGIC:
        # As earlier versions stored it: one msgpack bin of float32 little-endian values per vector.
        stored.seek(0)
        vectors = [np.frombuffer(raw, "<f4") for raw in msgpack.Unpacker(stored)]
        stored = io.BytesIO(b"".join(vector.tobytes() for vector in vectors))
        lengths = np.array([len(vector) for vector in vectors], np.uint32)
    else:
        end = stored.seek(-_COUNT.size, os.SEEK_END)
        (count,) = _COUNT.unpack(stored.read())
        stored.seek(end - _COUNT.size * count)
        lengths = np.frombuffer(stored.read(_COUNT.size * count), "<u4")
        stored.seek(len(_MAGIC))
    return lengths, _read(stored, lengths, most)


def _read(
    stored: BinaryIO, lengths: npt.NDArray[np.uint32], most: int
) -> Iterator[tuple[npt.NDArray[np.uint32], Floats]]:
    at_a_time = max(1, most // int(lengths.max(initial=1) or 1))
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
    return arrow.stream("vector_voiceprints", _blocks(stored, _TABLE_BLOCK)[1])


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-conversion",
    summary="Turns stored voiceprints into their vectors.",
    show=show,
    forms={ARROW: table},
    result=Conversion,
    parameters=ConversionParameters,
    document=ConversionDocument,
)
