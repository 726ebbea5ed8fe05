"""Bodies of JSON: what they may cost is known before they are parsed."""

import io

import pytest

from appliance import documents
from schemas.errors import RequestInvalid, ValidationError
from schemas.technologies import Parameters, technologies

DOCUMENT = technologies()["speaker-identification-voiceprint-conversion"].document
LARGE = 33 << 20


def refused(text: bytes) -> str:
    assert DOCUMENT is not None
    with pytest.raises((RequestInvalid, ValidationError)) as caught:
        documents.read(
            documents.outlined(io.BytesIO(text)), DOCUMENT, {"parameters": Parameters(), "models": ("ge2e",)}
        )
    return caught.value.message


@pytest.mark.parametrize("wide", ["\U0001f600".encode(), "č".encode(), rb"\ud83d\ude00", rb"\u010d", b"\xff"])
def test_a_large_body_is_narrow(wide: bytes) -> None:
    """One character beyond Latin-1 would make four bytes of each of its text; a small body may have them."""
    assert "has characters beyond Latin-1" in refused(b'{"voiceprints": ["' + b"A" * LARGE + wide + b'"]}')
    assert "beyond Latin-1" not in refused(b'{"voiceprints": ["' + wide + b'"]}')


@pytest.mark.parametrize("narrow", [b"", "é".encode(), rb"\u002B", rb"\/"])
def test_what_clients_write_beside_it_is_read(narrow: bytes) -> None:
    """Some write the plus of Base64 as an escape, and names of Western Europe cost nothing."""
    text = b'{"voiceprints": [], "beside": "' + b"A" * LARGE + narrow + b'"}'
    assert "at least 1 item" in refused(text)
