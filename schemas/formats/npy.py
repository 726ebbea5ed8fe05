"""NumPy's .npy: a vector, or a matrix with a voiceprint in each row; of objects, which are pickles, nothing is read.

The header is as NEP 1 describes it, versions 1.0 to 3.0.
"""

import math
import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from schemas import arrow, bounded
from schemas.bounded import exactly
from schemas.errors import VoiceprintMalformed
from schemas.formats import Asked, Rows, Vectors, floats

NAME, TITLE = "npy", "a .npy file"
SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
# Rows are told in a file beside it.
TELLS_ROWS = False

_MOST_HEADER = 1 << 14
_DESCRIPTION = re.compile(r"'descr':\s*'([<>=|][a-zA-Z][0-9]{1,3})'")
_ORDER = re.compile(r"'fortran_order':\s*(True|False)")
_SHAPE = re.compile(r"'shape':\s*\(\s*((?:[0-9]{1,18}L?\s*,\s*)*(?:[0-9]{1,18}L?)?)\s*\)")
# float16, float32 and float64.
_KINDS = {"f2", "f4", "f8"}
_HEADER_BYTES = 128


def recognises(head: bytes) -> bool:
    return head.startswith(MAGIC)


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    del asked
    first = 0
    for block in blocks(file):
        yield Vectors(first, block)
        first += len(block)


def blocks(file: BinaryIO) -> Iterator[Any]:
    """What is in it as float32 of shape (n, dimension). Raises VoiceprintError."""
    kind, fortran, shape = _header(file)
    if len(shape) not in (1, 2):
        raise VoiceprintMalformed(f"an array of {len(shape)} dimensions; a vector has one, a list of them two")
    rows, dimension = (1, shape[0]) if len(shape) == 1 else shape
    bounded.require_dimension(dimension)
    if fortran and len(shape) == 2 and rows > 1:
        raise VoiceprintMalformed("an array in Fortran's order: save numpy.ascontiguousarray of it")
    for count in bounded.pieces(rows, kind.itemsize * dimension):
        found = np.frombuffer(exactly(file, kind.itemsize * dimension * count), kind)
        yield floats(found.reshape(count, dimension))
    if file.read(1):
        raise VoiceprintMalformed("there is more in the file than its array")


def _header(file: BinaryIO) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    if exactly(file, len(MAGIC)) != MAGIC:
        raise VoiceprintMalformed("this is not a .npy array")
    major, _ = exactly(file, 2)
    if major not in (1, 2, 3):
        raise VoiceprintMalformed(f"a .npy array of version {major}; 1 to 3 are read")
    (size,) = struct.unpack("<H", exactly(file, 2)) if major == 1 else struct.unpack("<I", exactly(file, 4))
    if size > _MOST_HEADER:
        raise VoiceprintMalformed(f"the array's header has {size:,} bytes; at most {_MOST_HEADER:,} are read")
    words = exactly(file, size).decode("latin-1")
    if "'O'" in words or "'|O'" in words:
        raise VoiceprintMalformed("the array is of objects, which are pickles and may run code: save it as numbers")
    found = [pattern.findall(words) for pattern in (_DESCRIPTION, _ORDER, _SHAPE)]
    if any(len(one) != 1 for one in found):
        raise VoiceprintMalformed("the array's header is not that of one plain array of numbers")
    ((description,), (order,), (shape,)) = found
    if description[1:] not in _KINDS:
        raise VoiceprintMalformed(f"the array is of {description}; float16, float32 and float64 are read")
    numbers = tuple(int(one.strip().rstrip("L")) for one in shape.split(",") if one.strip())
    if math.prod(numbers) > 1 << 62:
        raise VoiceprintMalformed("the array claims more numbers than there can be")
    return np.dtype(description), order == "True", numbers


def write(file: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """One matrix, float32 or float16, a vector in each row. `file` can be sought in."""
    vectors = schema.field("vector").type
    kind, rows = np.dtype("<f2" if vectors.value_type == arrow.pyarrow().float16() else "<f4"), 0
    file.write(bytes(_HEADER_BYTES))
    for batch in batches:
        file.write(batch.column("vector").flatten().to_numpy().astype(kind, copy=False).tobytes())
        rows += len(batch)
    # How many there are is known only now.
    words = f"{{'descr': '{kind.str}', 'fortran_order': False, 'shape': ({rows}, {vectors.list_size}), }}"
    file.seek(0)
    file.write(MAGIC + struct.pack("<BBH", 1, 0, _HEADER_BYTES - 10) + words.ljust(_HEADER_BYTES - 11).encode() + b"\n")
    file.seek(0, 2)
