"""Trees as JSON text, which is what the contract shows."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas import json
from schemas.representations import Items, Numbers


def pieces(tree: Any) -> Iterator[bytes]:
    """The JSON text of `tree`, piece by piece. A float32 becomes the shortest decimal that reads back to it."""
    if isinstance(tree, Mapping):
        opening = b"{"
        for name, value in tree.items():
            yield opening + json.encode(name) + b":"
            yield from pieces(value)
            opening = b","
        yield b"}" if tree else b"{}"
    elif isinstance(tree, Items | Numbers):
        opening = b"["
        for block in tree.blocks:
            yield opening + json.encode(block)[1:-1]
            opening = b","
        yield b"[]" if opening == b"[" else b"]"
    else:
        yield json.encode(tree)
