"""Results of one row for each channel or each voiceprint: stored as msgpack lists, shown in blocks.

A row is of numbers, or holds a list of rows of numbers itself, such as a channel's segments.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import msgpack

from schemas.representations import Items

# Rows rendered at a time, so that an event loop does not notice.
_BLOCK = 1024

Value = float | int | None | Sequence[Sequence[float]]


def pack(rows: Iterable[Sequence[Value]]) -> bytes:
    """The stored result."""
    return b"".join(bytes(msgpack.packb(list(row))) for row in rows)


def items(stored: BinaryIO, shown: Callable[..., dict[str, Any]]) -> Items:
    """Each row as `shown` makes it of the row's values."""
    return Items(_count(stored), _blocks(stored, shown))


def _count(stored: BinaryIO) -> int:
    rows, count = msgpack.Unpacker(stored), 0
    try:
        while True:
            rows.skip()
            count += 1
    except msgpack.OutOfData:
        stored.seek(0)
        return count


def _blocks(stored: BinaryIO, shown: Callable[..., dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = msgpack.Unpacker(stored)
    while block := [shown(*row) for row in islice(rows, _BLOCK)]:
        yield block
