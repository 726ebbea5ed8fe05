"""Trees as msgpack: the same keys and values as in JSON, but that numbers of float32 stand as their bytes.

A list of them, such as a vector, is one `bin`, four bytes little-endian for each; without speech it is empty. A
voiceprint remains text in Base64, which its owner stores and sends back as it is.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import msgpack
import numpy as np

from schemas.representations import Floats, Items, Numbers


def pieces(tree: Any) -> Iterator[bytes]:
    """The msgpack of `tree`, piece by piece."""
    packer = msgpack.Packer(default=_vector, autoreset=True)
    if isinstance(tree, Mapping):
        yield bytes(packer.pack_map_header(len(tree)))
        for name, value in tree.items():
            yield bytes(packer.pack(name))
            yield from pieces(value)
    elif isinstance(tree, Items):
        yield bytes(packer.pack_array_header(tree.count))
        for block in tree.blocks:
            yield _vectors(block) if isinstance(block, np.ndarray) else b"".join(map(packer.pack, block))
    elif isinstance(tree, Numbers):
        yield _head(4 * tree.count)
        for block in tree.blocks:
            yield _bytes(block)
    else:
        yield bytes(packer.pack(tree))


def _vector(value: object) -> bytes:
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        return _bytes(value)
    raise TypeError(f"{type(value).__name__} is nothing that a result holds")


def _bytes(values: Floats) -> bytes:
    return values.astype("<f4", copy=False).tobytes()


def _vectors(block: Floats) -> bytes:
    """One `bin` for each row of `block` (n, dimension)."""
    head, width = _head(4 * block.shape[1]), 4 * block.shape[1]
    packed = np.empty((len(block), len(head) + width), np.uint8)
    packed[:, : len(head)] = np.frombuffer(head, np.uint8)
    packed[:, len(head) :] = np.frombuffer(_bytes(block), np.uint8).reshape(len(block), width)
    return packed.tobytes()


def _head(size: int) -> bytes:
    """Before a `bin` of so many bytes."""
    if size < 1 << 8:
        return struct.pack(">BB", 0xC4, size)
    return struct.pack(">BH", 0xC5, size) if size < 1 << 16 else struct.pack(">BI", 0xC6, size)
