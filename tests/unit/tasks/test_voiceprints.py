"""Voiceprints of a request, and what is sent in their place."""

import pytest

from schemas.errors import Detail
from schemas.signatures import UNSIGNED
from schemas.voiceprint import to_base64
from tasks.voiceprints import read
from tests.conftest import RECORDINGS
from tests.unit.tasks.jobs.made_voiceprints import directions, text

FOREIGN = (
    ((RECORDINGS / "mpeg.mp3").read_bytes(), "it looks like a recording of the kind MP3; send that as audio"),
    ((RECORDINGS / "demo.flac").read_bytes(), "it looks like a recording of the kind FLAC"),
    (b"VPT " + bytes(100), "it is an XL5 voiceprint of Speech Engine 3"),
    (b"{i\x03crcl0\x16\x8b(i\tembedding[d=\xf4\x16\xbc", "it is a voiceprint of another appliance (UBJSON)"),
    (b"PK\x03\x04" + bytes(50), "this is a ZIP archive"),
    (b'{"voiceprint": "WlY="}', "this is text"),
    (bytes(50), "this is not a recording of a known kind"),
    (b"", "there is nothing in it"),
)


@pytest.mark.parametrize(("content", "named"), FOREIGN)
def test_what_is_foreign_is_named(content: bytes, named: str) -> None:
    """By its place and by what it is, and the voiceprints beside it are read."""
    good = text(directions(1, 0)[0])
    faults: list[Detail] = []
    found = read([good, to_base64(content), good], "voiceprints", faults, lambda: False, UNSIGNED)
    assert set(found) == {0, 2}
    (fault,) = faults
    assert (fault.location, fault.type) == (("body", "voiceprints", 1), "voiceprint.wrong-magic")
    assert fault.message.startswith(f"this is not a voiceprint of this appliance: {named}")
