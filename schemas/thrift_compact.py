"""Thrift's compact protocol, as far as Parquet's footers and page headers need it.

A struct is a map from the numbers of its fields to their kinds and values; what is read can be changed and written
again without a word of what its fields mean. After the specification `thrift-compact-protocol.md` of Apache Thrift.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

Struct = dict[int, tuple["Kind", Any]]


class Kind(IntEnum):
    """How a value stands there. A bool is one of the first two, and has no bytes of its own in a struct."""

    TRUE = 1
    FALSE = 2
    BYTE = 3
    I16 = 4
    I32 = 5
    I64 = 6
    DOUBLE = 7
    BINARY = 8
    LIST = 9
    STRUCT = 12


@dataclass(frozen=True, slots=True)
class Items:
    """A list: its values are all of one kind."""

    kind: Kind
    values: Sequence[Any]


def i32(value: int) -> tuple[Kind, int]:
    return Kind.I32, value


def i64(value: int) -> tuple[Kind, int]:
    return Kind.I64, value


def encode(struct: Struct) -> bytes:
    """A struct, its fields in the order of their numbers."""
    return b"".join(_struct(struct))


def decode(data: bytes) -> Struct:
    """The struct that `data` begins with, which comes from a writer that is trusted. Raises ValueError for kinds that
    no footer has, IndexError where it ends too early."""
    return _Reader(data).struct()


def varint(value: int) -> bytes:
    """A number that is not negative, seven bits to a byte, the lowest first."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _struct(struct: Struct) -> Iterator[bytes]:
    last = 0
    for number, (kind, value) in sorted(struct.items()):
        if 0 < number - last < 16:
            yield bytes([number - last << 4 | kind])
        else:
            yield bytes([kind]) + varint(_zigzag(number))
        if kind not in (Kind.TRUE, Kind.FALSE):
            yield from _value(kind, value)
        last = number
    yield b"\0"


def _value(kind: Kind, value: Any) -> Iterator[bytes]:
    match kind:
        case Kind.BYTE:
            yield value.to_bytes(1, signed=True)
        case Kind.I16 | Kind.I32 | Kind.I64:
            yield varint(_zigzag(value))
        case Kind.DOUBLE:
            yield value
        case Kind.BINARY:
            yield varint(len(value))
            yield value
        case Kind.STRUCT:
            yield from _struct(value)
        case Kind.LIST:
            count = len(value.values)
            yield bytes([count << 4 | value.kind]) if count < 15 else bytes([0xF0 | value.kind]) + varint(count)
            for one in value.values:
                yield from _value(value.kind, one)
        case _:
            raise ValueError(f"a value of the kind {kind} is not written")


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> Struct:
        found: Struct = {}
        number = 0
        while head := self._byte():
            kind = Kind(head & 0x0F)
            number = number + (head >> 4) if head >> 4 else self._signed()
            found[number] = (kind, None if kind in (Kind.TRUE, Kind.FALSE) else self._value(kind))
        return found

    def _value(self, kind: Kind) -> Any:
        match kind:
            case Kind.BYTE:
                return int.from_bytes(self._bytes(1), signed=True)
            case Kind.I16 | Kind.I32 | Kind.I64:
                return self._signed()
            case Kind.DOUBLE:
                return self._bytes(8)
            case Kind.BINARY:
                return self._bytes(self._varint())
            case Kind.STRUCT:
                return self.struct()
            case Kind.LIST:
                head = self._byte()
                inside, count = Kind(head & 0x0F), head >> 4
                count = self._varint() if count == 15 else count
                return Items(inside, [self._value(inside) for _ in range(count)])
        raise ValueError(f"a value of the kind {kind} is not read")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise IndexError("the struct ends too early")
        self._at += count
        return found

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _signed(self) -> int:
        value = self._varint()
        return value >> 1 if not value & 1 else -(value + 1 >> 1)
