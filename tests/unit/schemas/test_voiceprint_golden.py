"""Containers of version 1 that were written once and must be read for ever.

`python tests/unit/schemas/sample_voiceprints.py` made them. It is not run again: a difference is a fault of the code.
"""

from schemas.voiceprint import decode, encode, from_base64, to_base64
from tests.unit.schemas.sample_voiceprints import GOLDEN, silent, voiceprint

SPOKEN = (GOLDEN / "voiceprint-v1.vp").read_bytes()
SILENT = (GOLDEN / "voiceprint-v1-no-speech.txt").read_text().strip()


def test_the_golden_container_says_what_it_always_said() -> None:
    """Every value of the committed file, stated here in full and not taken from the code that wrote it."""
    read = decode(SPOKEN)
    assert read.vector.tolist() == [(i - 127.5) / 1024 for i in range(256)]
    assert (read.model, read.space) == ("golden-model", "golden-space")
    assert read.model_sha256.hex() == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    assert read.media_sha256.hex() == "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
    assert read.quality.hex() == "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
    assert (read.speech_length, read.recording_length) == (2.25, 3.5)
    assert (read.sample_rate, read.channel_number, read.merged) == (44100, 1, 2)
    assert (read.created_ms, read.extras, read.has_speech) == (1_750_000_000_123, {}, True)


def test_the_golden_text_is_a_channel_without_speech() -> None:
    """The committed Base64 is decoded to no vector and a speech length of 0."""
    read = decode(from_base64(SILENT))
    assert (read.speech_length, read.dimension, read.spoken_vector.tolist()) == (0.0, 256, [])
    assert (read.recording_length, read.sample_rate, read.channel_number, read.merged) == (3.5, 44100, 1, 1)
    assert read.created_ms == 1_750_000_000_123


def test_today_writes_what_was_written_then() -> None:
    """The same voiceprints still give the committed bytes, so that equal ones stay equal as bytes."""
    assert encode(voiceprint()) == SPOKEN
    assert to_base64(encode(silent())) == SILENT


def test_golden_lengths() -> None:
    """The golden files' own sizes, so that their layout can be counted by hand."""
    assert len(SPOKEN) == 1350
    assert len(SILENT) == 1350 // 3 * 4
