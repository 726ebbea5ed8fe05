"""Ogg files as their pages (RFC 3533, section 6), so that what is changed in one passes its checksum."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_HEADER = struct.Struct("<4sBBqIIIB")
_POLYNOMIAL = 0x04C11DB7


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `laced` are the lengths of its segments, whether or not they fit its body."""

    flags: int
    position: int
    serial: int
    sequence: int
    laced: bytes
    body: bytes

    def pack(self) -> bytes:
        """With the checksum that belongs to it."""
        without = self._packed(0)
        return self._packed(_checksum(without))

    def _packed(self, check: int) -> bytes:
        fields = (b"OggS", 0, self.flags, self.position, self.serial, self.sequence, check, len(self.laced))
        return _HEADER.pack(*fields) + self.laced + self.body


def pages(content: bytes) -> list[Page]:
    """The pages of a well-formed file."""
    found, offset = [], 0
    while offset < len(content):
        _, _, flags, position, serial, sequence, _, count = _HEADER.unpack_from(content, offset)
        offset += _HEADER.size
        laced = content[offset : offset + count]
        offset += count
        found.append(Page(flags, position, serial, sequence, laced, content[offset : offset + sum(laced)]))
        offset += sum(laced)
    return found


def joined(made: Iterable[Page]) -> bytes:
    return b"".join(page.pack() for page in made)


def _table() -> tuple[int, ...]:
    made = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ _POLYNOMIAL if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        made.append(value)
    return tuple(made)


_TABLE = _table()


def _checksum(content: bytes) -> int:
    value = 0
    for byte in content:
        value = (value << 8 ^ _TABLE[value >> 24 ^ byte]) & 0xFFFFFFFF
    return value
