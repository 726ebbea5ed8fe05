"""Bare float32 or float16 numbers, little-endian, one vector after the other. Nothing in them tells what they are, so
their kind and their dimension are asked for."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from schemas import bounded
from schemas.errors import VoiceprintMalformed, VoiceprintTruncated
from schemas.formats import Asked, Rows, Vectors, floats

NAME, TITLE = "raw", "bare numbers"
KINDS = {"float32": "<f4", "float16": "<f2"}


def recognises(head: bytes) -> bool:
    del head
    return False


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    if asked.raw not in KINDS or asked.dimension is None:
        raise VoiceprintMalformed("of bare numbers the kind and the dimension are needed")
    kind, dimension = np.dtype(KINDS[asked.raw]), bounded.require_dimension(asked.dimension)
    width, first = kind.itemsize * dimension, 0
    at_once = max(bounded.BLOCK_BYTES // width, 1)
    while True:
        held = _up_to(file, at_once * width)
        count = len(held) // width
        if count:
            values = np.frombuffer(held, kind, count * dimension).reshape(count, dimension)
            yield Vectors(first, floats(values))
            first += count
        if len(held) % width:
            raise VoiceprintTruncated(f"the file ends {width - len(held) % width} bytes before the end of a vector")
        if len(held) < at_once * width:
            return


def _up_to(file: BinaryIO, size: int) -> bytes:
    found = bytearray()
    while len(found) < size and (piece := file.read(size - len(found))):
        found += piece
    return bytes(found)
