"""JSON from a file, value by value: only one value is held at a time, however long the list around it is."""

import re
from typing import BinaryIO

from schemas.bounded import MOST_TEXT
from schemas.errors import VoiceprintMalformed, VoiceprintTruncated

_SPACE = b" \t\r\n"
_BLANK = re.compile(rb"[ \t\r\n]*")
_STRUCTURE, _IN_TEXT = re.compile(rb'["\[\]{}]'), re.compile(rb'["\\]')
_SCALAR = re.compile(rb"[^\s,\]}:]*")
_PIECE_BYTES = 1 << 18
_MOST_DEPTH = 64


class Scanner:
    """`place` is how many bytes were taken; errors name it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = b""
        self._at = 0
        self._taken = 0

    def peek(self) -> bytes:
        """The next byte that is not blank, b"" at the end."""
        while True:
            match = _BLANK.match(self._held, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._held):
                return self._held[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, expected: bytes) -> bytes:
        """The next byte that is not blank, which must be one of `expected`."""
        found = self.peek()
        if not found:
            raise VoiceprintTruncated("the JSON ends before it is complete")
        if found not in expected:
            raise VoiceprintMalformed(
                f"this is not JSON: byte {self._taken + self._at:,} is {found!r} where one of {expected!r} belongs"
            )
        self._at += 1
        return found

    def value(self) -> bytes:
        """The text of the next value, whole. It may be wrong inside, which a parser tells."""
        opening = self.peek()
        if opening in (b"[", b"{"):
            size = self._nested()
        elif opening == b'"':
            size = self._text(1)
        else:
            size = self._scalar()
        found = self._held[self._at : self._at + size]
        self._at += size
        return found

    def _nested(self) -> int:
        depth, size = 0, 0
        while True:
            match = _STRUCTURE.search(self._held, self._at + size)
            if match is None:
                size = len(self._held) - self._at
                self._need(size)
                continue
            size, letter = match.end() - self._at, match[0]
            if letter == b'"':
                size = self._text(size)
            else:
                depth += 1 if letter in b"[{" else -1
                if depth <= 0:
                    return size
                if depth > _MOST_DEPTH:
                    raise VoiceprintMalformed("the JSON is nested deeper than any voiceprint")

    def _text(self, size: int) -> int:
        """Where the text ends whose opening quotation mark ends at `size`."""
        while True:
            match = _IN_TEXT.search(self._held, self._at + size)
            if match is None:
                size = len(self._held) - self._at
                self._need(size)
                continue
            size = match.end() - self._at
            if match[0] == b'"':
                return size
            size += 1
            while len(self._held) - self._at < size:
                self._need(size)

    def _scalar(self) -> int:
        while True:
            match = _SCALAR.match(self._held, self._at)
            size = match.end() - self._at if match else 0
            if self._at + size < len(self._held) or not self._more():
                if not size:
                    raise VoiceprintMalformed(f"this is not JSON: byte {self._taken + self._at:,} begins no value")
                return size
            if size > MOST_TEXT:
                self._need(size)

    def _need(self, size: int) -> None:
        if size > MOST_TEXT:
            raise VoiceprintMalformed(f"a value of the JSON has more than {MOST_TEXT:,} bytes, the most that are read")
        if not self._more():
            raise VoiceprintTruncated("the JSON ends before it is complete")

    def _more(self) -> bool:
        piece = self._file.read(max(_PIECE_BYTES, len(self._held) - self._at))
        if piece:
            self._taken += self._at
            self._held = self._held[self._at :] + piece
            self._at = 0
        return bool(piece)
