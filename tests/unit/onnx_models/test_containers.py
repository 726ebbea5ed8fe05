"""Kinds of files by content."""

from pathlib import Path

import pytest

from onnx_models.containers import AAC, AMR, FLAC, HEAD_BYTES, MATROSKA, MP3, MP4, OGG, WAV, Container, identify
from schemas.errors import MediaUnknown


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("demo.flac", FLAC),
        ("ulaw-8k.wav", WAV),
        ("gsm-8k.wav", WAV),
        ("vorbis.ogg", OGG),
        ("opus.opus", OGG),
        ("mpeg.mp3", MP3),
        ("aac.m4a", MP4),
        ("narrow.amr", AMR),
        ("opus.webm", MATROSKA),
    ],
)
def test_shipped_recordings(recordings: Path, name: str, container: Container) -> None:
    """Every shipped recording is of the kind it should be."""
    assert identify((recordings / name).read_bytes()[:HEAD_BYTES]) is container


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\xff\xfb\x90\x00", MP3),
        (b"\xff\xf3\x44\xc4", MP3),
        (b"\xff\xf1\x50\x80", AAC),
        (b"RF64\xff\xff\xff\xffWAVE", WAV),
    ],
)
def test_bare_frames(head: bytes, container: Container) -> None:
    """MPEG audio and AAC frames without a tag are told apart by their layer bits."""
    assert identify(head + bytes(100)) is container


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"%PDF-1.7\n", "a PDF document, not a recording"),
        (b"PK\x03\x04\x14\0", "a ZIP archive or an office document, not a recording"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image, not a recording"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image, not a recording"),
        (b"\0\0\0\x18ftypheic", "a HEIF or AVIF image, not a recording"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video, not a recording"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP image, not a recording"),
        (b"ZOVP\x01", "a voiceprint, not a recording"),
        (b"FORM\0\0\0\0AIFF", "an AIFF recording, which is not decoded here; convert it to WAV or FLAC"),
        (b"OggS" + bytes(24) + b"Speex   ", "an Ogg file that holds neither Vorbis nor Opus"),
        (b"Dear sir or madam,\r\n", "text, not a recording"),
        ("Grüße".encode(), "text, not a recording"),
        (b'{"json": true}', "text, not a recording"),
        (b"MAC addresses and MZ\n", "text, not a recording"),
        ("Grüße".encode("utf-16"), "text, not a recording"),
        (("é" * HEAD_BYTES).encode()[1 : HEAD_BYTES + 1], "not a recording of a known kind"),
        (("xé" * HEAD_BYTES).encode()[:HEAD_BYTES], "text, not a recording"),
        (bytes(64), "not a recording of a known kind"),
    ],
)
def test_other_files_are_refused_by_name(head: bytes, said: str) -> None:
    """What is not a recording that is decoded here is named in the refusal."""
    with pytest.raises(MediaUnknown) as refusal:
        identify(head)
    assert said in refusal.value.message


def test_empty_file_is_refused() -> None:
    """A file without a byte is said to be empty."""
    with pytest.raises(MediaUnknown, match="the file is empty"):
        identify(b"")
