"""What a child says: frames of a kind and a length, then so many bytes."""

import json
import os
import struct
from collections.abc import Mapping
from typing import Any

HEAD = struct.Struct("<cI")
# JSON, at most MOST_TEXT bytes; data; the last word of work well done; the last word of what went wrong, JSON as well.
TEXT, DATA, END, FAULT = b"T", b"D", b"E", b"F"
MOST_TEXT = 4096
# How the zygote tells of a child's end: its wait status, and the seconds of processor time that it took.
ENDING = struct.Struct("<id")
# The longest request, in bytes of JSON.
MOST_REQUEST = 4096
# The descriptors that come with a request: the media, where to answer, and the zygote's end of the lifeline.
DESCRIPTORS = 3


class Answers:
    """The child's mouth. Raises OSError when nobody listens any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def text(self, content: Mapping[str, Any]) -> None:
        """A little JSON."""
        self._say(TEXT, memoryview(_json(content)))

    def data(self, content: memoryview) -> None:
        """Bytes, contiguous."""
        self._say(DATA, content.cast("B"))

    def end(self) -> None:
        """All is said."""
        self._say(END, memoryview(b""))

    def fault(self, content: Mapping[str, Any]) -> None:
        """Nothing more will be said, and this is why."""
        self._say(FAULT, memoryview(_json(content)))

    def _say(self, kind: bytes, content: memoryview) -> None:
        written = os.writev(self._descriptor, [HEAD.pack(kind, len(content)), content]) - HEAD.size
        while written < len(content):
            written += os.write(self._descriptor, content[written:])


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()[:MOST_TEXT]
