"""Voiceprints in, their vectors out, value for value those of the extraction."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, BinaryIO

import msgpack
import numpy as np
import numpy.typing as npt
from pydantic import Field

from schemas import json
from schemas.figures import VoiceprintVector
from schemas.technologies import Result, Technology
from schemas.voiceprint_lists import VoiceprintsDocument

# Vectors rendered at a time: half a megabyte of text, so that neither memory nor an event loop notices.
_BLOCK = 256


class Conversion(Result):
    """The vectors that the voiceprints hold, equal value for value to those of their extraction."""

    vector_voiceprints: Annotated[list[VoiceprintVector], Field(description="In the order of the input.")]


def pack(vectors: Iterable[npt.NDArray[np.float32]]) -> bytes:
    """The stored result: one msgpack bin of float32 little-endian values per vector, empty without speech."""
    return b"".join(bytes(msgpack.packb(vector.tobytes())) for vector in vectors)


def unpack(stored: BinaryIO) -> Iterator[npt.NDArray[np.float32]]:
    """The vectors of a stored result, each of shape (dimension,), or (0,) without speech."""
    return (np.frombuffer(raw, dtype="<f4") for raw in msgpack.Unpacker(stored))


def render(stored: BinaryIO) -> Iterator[bytes]:
    vectors = unpack(stored)
    opening = b'{"vector_voiceprints":['
    while block := list(islice(vectors, _BLOCK)):
        yield opening + json.encode(block)[1:-1]
        opening = b","
    yield b"]}"


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-conversion",
    summary="Turns stored voiceprints into their vectors.",
    render=render,
    result=Conversion,
    document=VoiceprintsDocument,
)
