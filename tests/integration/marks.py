"""What a recording, a voiceprint or a secret looks like wherever its bytes might have got to."""

import json
from base64 import b16encode, b64encode
from collections.abc import Iterator, Mapping

import numpy as np

from schemas import voiceprint

# Long enough never to be met by chance, short enough to find a part of what was copied.
_PIECE_BYTES = 24
_PIECES = 64


def of_bytes(content: bytes) -> Iterator[bytes]:
    """Pieces of `content` from its beginning to its end, as they are, and as text in every usual form."""
    starts = range(0, max(1, len(content) - _PIECE_BYTES), max(1, len(content) // _PIECES))
    for start in starts:
        piece = content[start : start + _PIECE_BYTES]
        if len(set(piece)) < _PIECE_BYTES // 2:
            continue  # silence or padding is in every file
        yield piece
        yield b16encode(piece)
        yield b16encode(piece).lower()
        yield repr(piece)[2:-1].encode()
        # Base64 looks different depending on how many bytes came before.
        yield from (b64encode(piece[skipped:])[: _PIECE_BYTES - 4] for skipped in range(3))


def of_voiceprint(text: str) -> Iterator[bytes]:
    """Of the vector of a voiceprint in Base64: as its bytes stand in the container and in the text, and its numbers as
    digits. What else is in a container is no secret."""
    container = voiceprint.from_base64(text)
    vector = voiceprint.decode_vouched(container).vector
    assert vector is not None
    numbers = np.asarray(vector, np.float32)
    start = container.index(numbers.tobytes())
    yield from of_bytes(numbers.tobytes())
    yield from of_bytes(numbers.astype(np.float64).tobytes())
    yield from of_text(text[start * 4 // 3 + 4 : (start + numbers.nbytes) * 4 // 3 - 4])
    for number in numbers:
        digits = np.format_float_positional(abs(number), unique=True)
        if len(digits.strip("0.")) >= 7:
            yield digits.strip("0").encode()


def of_text(text: str) -> Iterator[bytes]:
    """Of a name, a key or a long text, whole or in pieces; as it is, and as JSON and Python write it."""
    pieces = (
        [text]
        if len(text) <= 2 * _PIECE_BYTES
        else [
            text[start : start + _PIECE_BYTES] for start in range(0, len(text) - _PIECE_BYTES, len(text) // _PIECES + 1)
        ]
    )
    for piece in pieces:
        yield from {piece.encode(), json.dumps(piece)[1:-1].encode(), repr(piece)[1:-1].encode()}
        yield b64encode(piece.encode())[:-4]


def found(content: bytes, marks: Mapping[str, set[bytes]]) -> dict[str, list[bytes]]:
    """The marks that `content` has, by what they are of."""
    hits = {name: [mark for mark in some if mark in content] for name, some in marks.items()}
    return {name: some for name, some in hits.items() if some}
