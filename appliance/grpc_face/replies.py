"""Replies that would be too long for one message: clients take 4 MiB without being told otherwise."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

# Half of what clients take.
REPLY_BYTES = 2 << 20
# What a field of that many bytes takes besides.
_FRAME_BYTES = 8

_M = TypeVar("_M", bound=Message)


def shared_out(messages: Iterable[_M]) -> Iterator[list[_M]]:
    """The same messages in groups that one reply can carry, in order; at least one group."""
    group: list[_M] = []
    size = 0
    for message in messages:
        more = message.ByteSize() + _FRAME_BYTES
        if group and size + more > REPLY_BYTES:
            yield group
            group, size = [], 0
        group.append(message)
        size += more
    yield group
