"""Results of one row for each channel or each voiceprint: stored as msgpack lists, shown in blocks.

A row is of numbers, or holds a list of rows of numbers itself, such as a channel's segments.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import msgpack

from schemas import json

# Rows rendered at a time, so that an event loop does not notice.
_BLOCK = 1024

Value = float | int | None | Sequence[Sequence[float]]


def pack(rows: Iterable[Sequence[Value]]) -> bytes:
    """The stored result."""
    return b"".join(bytes(msgpack.packb(list(row))) for row in rows)


def render(stored: BinaryIO, name: str, shown: Callable[..., dict[str, Any]]) -> Iterator[bytes]:
    """`{name: [...]}`, each row as `shown` makes it of the row's values."""
    rows = msgpack.Unpacker(stored)
    opening = json.encode({name: []})[:-2]
    while block := [shown(*row) for row in islice(rows, _BLOCK)]:
        yield opening + json.encode(block)[1:-1]
        opening = b","
    yield (b"" if opening == b"," else opening) + b"]}"
