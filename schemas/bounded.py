"""What every reader of a foreign file keeps to: how much it reads at a time, and how much it takes at once.

None holds more than `MOST_HELD` bytes of its own at any time, whatever a file says of itself; beside it stand the
directory of a ZIP archive, some 600 bytes for each of its members, and the pages of a Parquet file.
"""

from collections.abc import Iterator
from typing import BinaryIO

from schemas.errors import VoiceprintMalformed, VoiceprintTruncated

# A vector of 1 MiB, which is also what a container may have at most.
MOST_VALUES = 1 << 18
# The longest line or value of text: such a vector in decimals.
MOST_TEXT = 1 << 23
MOST_KEY = 4096
# What a reader hands on together.
BLOCK_BYTES, BLOCK_ROWS = 1 << 22, 1 << 13
MOST_HELD = 1 << 28
# What is looked at to find out what a file is.
HEAD_BYTES = 1 << 16

_PIECE_BYTES = 1 << 18


def exactly(file: BinaryIO, size: int) -> bytes:
    """The next `size` bytes. Raises VoiceprintTruncated where there are fewer; no more is held than there are."""
    found = bytearray()
    while len(found) < size:
        piece = file.read(min(size - len(found), BLOCK_BYTES))
        if not piece:
            raise VoiceprintTruncated(f"the file ends where {size - len(found):,} more bytes belong")
        found += piece
    return bytes(found)


def whole(file: BinaryIO, most: int) -> bytes:
    """All that is left. Raises VoiceprintMalformed for more than `most` bytes."""
    found = bytearray()
    while piece := file.read(min(most + 1 - len(found), BLOCK_BYTES)):
        found += piece
        if len(found) > most:
            raise VoiceprintMalformed(f"it has more than {most:,} bytes, the most that are read")
    return bytes(found)


def lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Each line without its end; None for one that is longer than is taken."""
    held, skipping = b"", False
    while piece := file.read(_PIECE_BYTES):
        *ended, held = (held + piece).split(b"\n")
        for line in ended:
            yield None if skipping or len(line) > MOST_TEXT else line.removesuffix(b"\r")
            skipping = False
        if len(held) > MOST_TEXT:
            held, skipping = b"", True
    if held or skipping:
        yield None if skipping else held.removesuffix(b"\r")


def pieces(count: int, width: int) -> Iterator[int]:
    """How many of `count` rows of `width` bytes to read, time after time."""
    at_once = max(BLOCK_BYTES // max(width, 1), 1)
    while count > 0:
        yield min(at_once, count)
        count -= at_once


def require_dimension(dimension: int) -> int:
    """Raises VoiceprintMalformed for a vector that has no values, or more than are taken."""
    if not 0 < dimension <= MOST_VALUES:
        raise VoiceprintMalformed(f"a vector of {dimension:,} values; 1 to {MOST_VALUES:,} are read")
    return dimension
