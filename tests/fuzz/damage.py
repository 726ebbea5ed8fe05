"""Mutations that know nothing of formats: bytes changed, removed, repeated, moved, mixed with those of another file."""

import random
import struct
from collections.abc import Callable

# Of a recording and another one, what one mutation makes of it.
Mutation = Callable[[random.Random, bytes, bytes], bytes]

_HEAD_BYTES = 96
_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
# What is asked of memory, of time, and of whoever adds without looking.
_NUMBERS = (
    0,
    1,
    2,
    7,
    9,
    100,
    255,
    8000,
    65_535,
    655_350,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 32) - 8,
)
_NUMBERS_64 = (0, 1, 1 << 31, 1 << 32, (1 << 36) - 1, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def _place(chance: random.Random, content: bytes) -> int:
    """Somewhere, and as often as not in the header."""
    bound = min(_HEAD_BYTES, len(content)) if chance.random() < 0.5 else len(content)
    return chance.randrange(max(bound, 1))


def _range(chance: random.Random, content: bytes) -> tuple[int, int]:
    first = _place(chance, content)
    return first, first + chance.choice((1, 2, 4, 16, 64, 256, 1024, max(1, len(content) // 2)))


def flip_bits(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        changed[_place(chance, content)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def set_bytes(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        changed[_place(chance, content)] = chance.choice((*_BYTES, chance.randrange(256)))
    return bytes(changed)


def lie(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    """A number of 2, 4 or 8 bytes, of either order, where another stood."""
    order, place = chance.choice("<>"), _place(chance, content)
    form = chance.choice("HIIQ")
    number = chance.choice(_NUMBERS_64 if form == "Q" else _NUMBERS) & (1 << 8 * struct.calcsize(form)) - 1
    written = struct.pack(order + form, number)
    return content[:place] + written + content[place + len(written) :]


def truncate(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    return content[: _place(chance, content)]


def remove(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    first, last = _range(chance, content)
    return content[:first] + content[last:]


def repeat(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    first, last = _range(chance, content)
    return content[:last] + content[first:last] * chance.choice((1, 1, 2, 20)) + content[last:]


def move(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    first, last = _range(chance, content)
    rest = content[:first] + content[last:]
    place = _place(chance, rest)
    return rest[:place] + content[first:last] + rest[place:]


def insert(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    place, size = _place(chance, content), chance.choice((1, 3, 64, 1000))
    return content[:place] + chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size))) + content[place:]


def overwrite(chance: random.Random, content: bytes, _other: bytes) -> bytes:
    first, last = _range(chance, content)
    return content[:first] + chance.randbytes(last - first) + content[last:]


def splice(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one and the end of the other."""
    return content[: _place(chance, content)] + other[_place(chance, other) :]


def disguise(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """The first bytes of the other before all the rest of this."""
    size = chance.choice((4, 8, 12, 16, 36, 44, 96))
    return other[:size] + content[size:]


def append(_chance: random.Random, content: bytes, other: bytes) -> bytes:
    return content + other


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    set_bytes,
    lie,
    truncate,
    remove,
    repeat,
    move,
    insert,
    overwrite,
    splice,
    disguise,
    append,
)
