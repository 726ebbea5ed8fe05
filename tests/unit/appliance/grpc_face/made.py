"""Voiceprints that tests make, as messages carry them."""

from collections.abc import Iterable

from phonexia.grpc.common.core_pb2 import Voiceprint

from schemas.voiceprint import from_base64
from tests.unit.tasks.jobs import made_voiceprints

# A voiceprint of Phonexia, cut short, which the conversion alone takes.
PHONEXIA = b"{i\x03crcl0\x16\x8b(i\tembedding[d=\xf4\x16\xbcd\xbc&K\x86d<\xaf\xf8^d"
# What arrives as a voiceprint and is none, and what is said of it.
FOREIGN = (
    ("mpeg.mp3", "a recording of the kind MP3"),
    ("demo.flac", "a recording of the kind FLAC"),
    ("ulaw-8k.wav", "a recording of the kind WAV"),
    (b"ID3\x04\0\0\0\0\0\x0f" + bytes(500), "a recording of the kind MP3"),
    (b"VPT " + bytes(100), "XL5 voiceprint"),
    (PHONEXIA, "another appliance (UBJSON)"),
    (b"%PDF-1.7 ...", "a PDF document"),
    (b"Z" + bytes(50), "a recording of a known kind"),
    (b"", "there is nothing in it"),
    (b'{"voiceprint": "WlY="}', "this is text"),
)


def voiceprints(count: int, seed: int = 0) -> list[Voiceprint]:
    """Of the default model, no two alike."""
    return messages(made_voiceprints.text(vector) for vector in made_voiceprints.directions(count, seed))


def silent() -> Voiceprint:
    return messages([made_voiceprints.silent()])[0]


def messages(texts: Iterable[str]) -> list[Voiceprint]:
    return [Voiceprint(content=from_base64(text)) for text in texts]
