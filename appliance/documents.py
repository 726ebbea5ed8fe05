"""JSON bodies: bounded before they are parsed, since little text can become much memory, and checked afterwards."""

from typing import Any

import pydantic

from schemas import json
from schemas.errors import Detail, RequestInvalid, ValidationError
from schemas.technologies import Document, refusal

# Of three bytes of JSON, an empty list and its comma, Python makes more than sixty. No technology takes as many values.
_MOST_VALUES = 1_000_000
# One character beyond Latin-1 makes Python keep all of its text in two or four bytes each. Voiceprints and numbers have
# none; what else clients write beside them is short.
_MOST_BYTES_WIDE = 32 << 20
_NARROW = bytes(range(0xC4))


def read(text: bytes, document: type[Document], context: dict[str, Any]) -> Document:
    """The `document` that a body is. Not for an event loop: the body may be large.

    Raises RequestInvalid for what is no JSON and for a large body with characters beyond Latin-1, ValidationError for
    what the technology does not take.
    """
    # What comes before every value but the first; in Base64 there is none of them.
    if sum(map(text.count, (b",", b":", b"[", b"{"))) > _MOST_VALUES:
        raise ValidationError(
            f"the body holds more than {_MOST_VALUES} values", [Detail(("body",), "too many values", "too_long")]
        )
    if len(text) > _MOST_BYTES_WIDE and _is_wide(text):
        raise RequestInvalid(
            f"the body is larger than {_MOST_BYTES_WIDE} bytes and has characters beyond Latin-1: leave out what is "
            "neither voiceprint nor number"
        )
    try:
        parsed = json.decode(text)
    except ValueError as error:
        raise RequestInvalid(f"the body is not JSON: {error}") from error
    try:
        return document.model_validate(parsed, context=context)
    except pydantic.ValidationError as error:
        raise refusal(error, ["body"] * error.error_count()) from error


def _is_wide(text: bytes) -> bool:
    """Whether UTF-8 or an escape in it stands for a character beyond Latin-1."""
    if text.count(rb"\u") > text.count(rb"\u00"):
        return True
    return not text.isascii() and bool(text.translate(None, _NARROW))
