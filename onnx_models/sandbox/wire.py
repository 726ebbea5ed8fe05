"""What a child says: frames of a kind and a length, then so many bytes."""

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

HEAD = struct.Struct("<cI")
# JSON, at most MOST_TEXT bytes; data; the last word of work well done; the last word of what went wrong, JSON as well.
TEXT, DATA, END, FAULT = b"T", b"D", b"E", b"F"
MOST_TEXT = 4096
# How the zygote tells of a child's end: its wait status, and the seconds of processor time that it took.
ENDING = struct.Struct("<id")
# The longest request, in bytes of JSON.
MOST_REQUEST = 4096
# The descriptors that come with a request: the media, where to answer, and, to the zygote, its end of the lifeline.
MEDIA, ANSWERS, LIFELINE = range(3)
# What comes with the descriptors of a child, which knows the request before.
GO = b"."
_DESCRIPTOR = struct.calcsize("i")
_ROOM = socket.CMSG_SPACE(_DESCRIPTOR * (LIFELINE + 1))


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


def received(connection: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """The next message of a request's length, and the descriptors that came with it. Raises OSError."""
    message, ancillary, _, _ = connection.recvmsg(MOST_REQUEST, _ROOM)
    for _, _, data in ancillary:
        return message, struct.unpack(f"{len(data) // _DESCRIPTOR}i", data)
    return message, ()


def arrived(connection: socket.socket) -> bool:
    """Whether what comes next is GO, with descriptors in the first places that are free. Raises OSError."""
    return connection.recvmsg(len(GO), _ROOM)[0] == GO


def sent(connection: socket.socket, message: bytes, descriptors: Sequence[int]) -> None:
    """Sends a message with descriptors, which stay open here. Raises OSError."""
    data = struct.pack(f"{len(descriptors)}i", *descriptors)
    connection.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, data)])


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()[:MOST_TEXT]
