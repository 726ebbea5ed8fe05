"""The embedding in a voiceprint of Phonexia: UBJSON, draft 12, as far as such a voiceprint can need it.

Strict: one object and nothing after it, keys in ascending order, no containers of a declared type or count.
"""

import struct

import numpy as np
import numpy.typing as npt

from schemas.bounded import MOST_KEY, require_dimension
from schemas.errors import VoiceprintMalformed, VoiceprintTruncated

_NUMBERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d", b"C": ">c"}
_LENGTHS = {b"i", b"U", b"I", b"l"}
_VALUE = np.dtype([("marker", "u1"), ("value", ">f4")])
_MARKER = ord("d")
_MOST_DEPTH = 16


def embedding(data: bytes) -> npt.NDArray[np.float32]:
    """The values of the key `embedding`, shape (dimension,). Raises VoiceprintMalformed and VoiceprintTruncated."""
    reader = _Reader(data)
    reader.expect(b"{")
    found, before = None, b""
    while not reader.ended(b"}"):
        key = reader.text()
        if key <= before:
            raise VoiceprintMalformed("the keys of the voiceprint are not in ascending order")
        before = key
        if key == b"embedding":
            found = reader.floats()
        else:
            reader.skip(_MOST_DEPTH)
    if reader.place != len(data):
        raise VoiceprintMalformed(f"{len(data) - reader.place} bytes follow the voiceprint")
    if found is None:
        raise VoiceprintMalformed("the voiceprint has no embedding")
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self.place : self.place + size]
        if len(taken) < size:
            raise VoiceprintTruncated(f"the voiceprint ends after {len(self._data)} bytes, within a value")
        self.place += size
        return taken

    def expect(self, marker: bytes) -> None:
        if (found := self.take(1)) != marker:
            raise VoiceprintMalformed(f"{found!r} stands where {marker!r} belongs in UBJSON")

    def ended(self, bracket: bytes) -> bool:
        """Whether the object or list ends here; its bracket is taken then."""
        ends = self._data[self.place : self.place + 1] == bracket
        self.place += ends
        return ends

    def text(self) -> bytes:
        marker = self.take(1)
        if marker not in _LENGTHS:
            raise VoiceprintMalformed(f"{marker!r} is no length of a text in UBJSON")
        (size,) = struct.unpack(_NUMBERS[marker], self.take(struct.calcsize(_NUMBERS[marker])))
        if not 0 <= size <= MOST_KEY:
            raise VoiceprintMalformed(f"a text of {size} bytes in the voiceprint; at most {MOST_KEY} are read")
        return self.take(size)

    def floats(self) -> npt.NDArray[np.float32]:
        """A plain list whose values are all float32."""
        self.expect(b"[")
        values = np.frombuffer(self._data, _VALUE, (len(self._data) - self.place) // _VALUE.itemsize, self.place)
        others = np.flatnonzero(values["marker"] != _MARKER)
        count = int(others[0]) if len(others) else len(values)
        self.place += count * _VALUE.itemsize
        self.expect(b"]")
        require_dimension(count)
        return values["value"][:count].astype(np.float32)

    def skip(self, depth: int) -> None:
        """Any value."""
        marker = self.take(1)
        if marker in _NUMBERS:
            self.take(struct.calcsize(_NUMBERS[marker]))
        elif marker in (b"S", b"H"):
            self.text()
        elif marker in (b"[", b"{") and depth:
            while not self.ended(b"]" if marker == b"[" else b"}"):
                if marker == b"{":
                    self.text()
                self.skip(depth - 1)
        elif marker not in (b"Z", b"T", b"F"):
            raise VoiceprintMalformed(f"{marker!r} begins no value of UBJSON that is read here")
