"""JSON bodies: bounded before they are parsed, since little text can become much memory, and checked afterwards.

What is parsed is their outline, without the long texts: these are found to be Base64 piece by piece, while the body
still comes.
"""

from json import JSONDecodeError
from typing import Any, BinaryIO

import pydantic

from schemas.documents import Outline, Writer, parts
from schemas.errors import Detail, RequestInvalid, ValidationError
from schemas.technologies import Document, refusal

# Of three bytes of JSON, an empty list and its comma, Python makes more than sixty. No technology takes as many values.
_MOST_VALUES = 1_000_000
# One character beyond Latin-1 makes Python keep all of its text in two or four bytes each. Voiceprints and numbers have
# none; what else clients write beside them is short.
_MOST_BYTES_WIDE = 32 << 20
_NARROW = bytes(range(0xC4))
# Of the longest lists of voiceprints it is less. Many bodies may come at a time.
_MOST_KEPT = 2 << 20


class Incoming(Writer):
    """A body on its way into the store, with its outline, unless that becomes long."""

    def __init__(self) -> None:
        self.outline = Outline(_MOST_KEPT)
        super().__init__(self.outline)


def outlined(body: BinaryIO) -> Outline:
    """That of a body, as it was sent or as it is stored."""
    outline = Outline()
    for part in parts(body):
        outline.add(part)
    return outline


def read(outline: Outline, document: type[Document], context: dict[str, Any]) -> Document:
    """The `document` that the body of that outline is. Not for an event loop: it may be large.

    What was replaced in the outline is so in the document. Raises RequestInvalid for what is no JSON and for a large
    body with characters beyond Latin-1, ValidationError for what the technology does not take.
    """
    text = outline.text()
    # What comes before every value but the first.
    if outline.items + sum(map(text.count, (b",", b":", b"[", b"{"))) > _MOST_VALUES:
        raise ValidationError(
            f"the body holds more than {_MOST_VALUES} values", [Detail(("body",), "too many values", "too_long")]
        )
    if len(text) > _MOST_BYTES_WIDE and _is_wide(text):
        raise RequestInvalid(
            f"the body is larger than {_MOST_BYTES_WIDE} bytes and has characters beyond Latin-1: leave out what is "
            "neither voiceprint nor number"
        )
    try:
        parsed = outline.parsed(text)
    except ValueError as error:
        # Places in an outline are none in the body.
        told = error.msg if outline.items and isinstance(error, JSONDecodeError) else error
        raise RequestInvalid(f"the body is not JSON: {told}") from error
    try:
        return document.model_validate(parsed, context=context)
    except pydantic.ValidationError as error:
        raise refusal(error, ["body"] * error.error_count()) from error


def _is_wide(text: bytes) -> bool:
    """Whether UTF-8 or an escape in it stands for a character beyond Latin-1."""
    if text.count(rb"\u") > text.count(rb"\u00"):
        return True
    return not text.isascii() and bool(text.translate(None, _NARROW))
