"""JSON documents that are long because of the Base64 in their lists: read in pieces, so that nothing has to be parsed
at once but a short outline.

In the outline every long text that is an item of a list is replaced by a short one. Parsing megabytes would hold up
all other threads, and make a million objects of what is needed as bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import pybase64

from schemas import json

_PIECE_BYTES = 1 << 18
_LEAST_BYTES = 1 << 16
# Shorter ones stay in the outline. Whatever else than a voiceprint a request may name is shorter as well.
_LONG = 65
# Text without a quotation mark for so long is no voiceprint.
_MOST_HELD = 1 << 21
# What stands between two items of a list of texts, as it is usually written.
_BETWEEN = frozenset({b",", b", "})

Replace = Callable[[list[bytes]], list[bytes]]


class Outline:
    """What is left of a document, piece by piece, when `replace` has put others for its long texts."""

    def __init__(self, replace: Replace) -> None:
        self._replace = replace
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._held = b""
        self._done: list[bytes] = []
        self.size = 0
        self.is_shorter = False

    def add(self, piece: bytes) -> None:
        """More of the document, some hundreds of kilobytes at most."""
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        # A long text that comes by the byte is not looked through as often.
        if self._waiting_bytes >= max(_LEAST_BYTES, len(self._held)):
            self._look()

    def _look(self) -> None:
        whole = b"".join((self._held, *self._waiting))
        self._waiting, self._waiting_bytes = [], 0
        parts = whole.split(b'"')
        # What follows an item must have come, and what is held back must not begin with an item: it is not known any
        # more what stood before it.
        keep = len(parts) - 3
        while keep > 0 and len(parts[keep]) >= _LONG:
            keep -= 1
        if keep <= 0:
            if len(whole) > _MOST_HELD:
                self._put(whole)
                whole = b""
            self._held = whole
            return
        self._held = b'"'.join(parts[keep:])
        self._put(b'"'.join(self._shortened(parts, keep)) + b'"')

    def end(self) -> bytes:
        """The outline of the document, all of which has come."""
        parts = b"".join((self._held, *self._waiting)).split(b'"')
        self._put(b'"'.join(self._shortened(parts, len(parts))))
        self._held = b""
        return b"".join(self._done)

    def _put(self, text: bytes) -> None:
        self._done.append(text)
        self.size += len(text)

    def _shortened(self, parts: list[bytes], count: int) -> list[bytes]:
        """The first `count` of what stands between quotation marks, long items replaced."""
        shortened = parts[:count]
        places = _items(parts, count)
        self.is_shorter |= bool(places)
        for place, text in zip(places, self._replace([parts[place] for place in places]), strict=True):
            shortened[place] = text
        return shortened


def _items(parts: list[bytes], count: int) -> Sequence[int]:
    """Where among the first `count` parts long items of lists stand.

    Between an unescaped mark and a bracket or a comma there is no long text but an item or a name, and no name is
    followed by a comma or a bracket.
    """
    for first in (1, 2):
        # Nearly always: one item after the other.
        if (
            count > first + 1
            and _BETWEEN.issuperset(parts[first + 1 : count : 2])
            and _opens(parts[first - 1])
            and min(map(len, parts[first:count:2])) >= _LONG
        ):
            return range(first, min(count, len(parts) - 1), 2)
    return [
        place
        for place in range(1, min(count, len(parts) - 1))
        if len(parts[place]) >= _LONG and _opens(parts[place - 1]) and _follows(parts[place + 1])
    ]


def _opens(before: bytes) -> bool:
    return before[-64:].rstrip()[-1:] in (b"[", b",")


def _follows(after: bytes) -> bool:
    return after[:64].lstrip()[:1] in (b"]", b",")


def sound(texts: list[bytes]) -> list[bytes]:
    """Those that are Base64 replaced by four characters of it, for a check that looks at no text; the others as they
    are, so that it finds fault with them."""
    whole = b"".join(texts)
    if not any(len(text) % 4 for text in texts) and b"=" not in whole and _is_base64(whole):
        return [b"AAAA"] * len(texts)
    return [b"AAAA" if _is_base64(text) else text for text in texts]


def _is_base64(text: bytes) -> bool:
    try:
        pybase64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """All that is in it, so much at a time as other threads can wait for."""
    while piece := file.read(_PIECE_BYTES):
        yield piece


def load(file: BinaryIO) -> dict[str, Any]:
    """The document in `file`, a JSON object that has been checked to be what its technology takes.

    Long texts in its lists are bytes. Raises ValueError where it is no JSON.
    """
    texts: list[bytes] = []

    def numbered(found: list[bytes]) -> list[bytes]:
        # No Base64 begins like this, so none is mistaken for it.
        start = len(texts)
        texts.extend(found)
        return [b"#%d" % number for number in range(start, len(texts))]

    outline = Outline(numbered)
    for piece in pieces(file):
        outline.add(piece)
    document: dict[str, Any] = json.decode(outline.end())
    return {name: _whole(value, texts) if isinstance(value, list) else value for name, value in document.items()}


def _whole(items: list[Any], texts: list[bytes]) -> list[Any]:
    return [texts[int(item[1:])] if isinstance(item, str) and item.startswith("#") else item for item in items]
