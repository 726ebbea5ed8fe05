"""Voiceprints and containers for the tests, framed by hand so that what is wrong with them can be chosen."""

import hashlib
import hmac
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from hypothesis import settings, strategies

from schemas.voiceprint import Voiceprint, encode, to_base64

GOLDEN = Path(__file__).parents[2] / "golden"
KEY_ID, KEY = 7, b"a key for signing"
# Slow machines are not faulty, and no test leaves files behind.
PROPERTY = settings(deadline=None, database=None, max_examples=150)


def voiceprint(**changes: Any) -> Voiceprint:
    """One of 256 values in which every field differs from its default."""
    given: dict[str, Any] = {
        "model": "golden-model",
        "model_sha256": bytes(range(32)),
        "space": "golden-space",
        # Exact in float32, negative and positive, no two alike.
        "vector": (np.arange(256, dtype=np.float32) - np.float32(127.5)) / np.float32(1024),
        "speech_length": 2.25,
        "recording_length": 3.5,
        "sample_rate": 44100,
        "channel_number": 1,
        "media_sha256": bytes(range(32, 64)),
        "created_ms": 1_750_000_000_123,
        "merged": 2,
        "quality": bytes(range(64, 96)),
    }
    return Voiceprint(**given | changes)


def silent() -> Voiceprint:
    """The same channel without speech."""
    return voiceprint(vector=np.zeros(256, np.float32), speech_length=0.0, merged=1, quality=bytes(32))


def same(one: Voiceprint, other: Voiceprint) -> bool:
    """Equality of every field, the vectors' to the bit."""
    plain = [field.name for field in fields(Voiceprint) if field.name != "vector"]
    return one.vector.tobytes() == other.vector.tobytes() and all(
        getattr(one, name) == getattr(other, name) for name in plain
    )


def content(**changes: Any) -> dict[Any, Any]:
    """The map of a correct container of 8 values, with `changes`; a change to `...` removes the field."""
    given: dict[Any, Any] = {
        "model": "m",
        "sha256": bytes(32),
        "space": "s",
        "dim": 8,
        "vector": np.arange(1, 9, dtype="<f4").tobytes(),
        "speech": 1.0,
        "recording": 2.0,
        "rate": 8000,
        "channel": 0,
        "media": bytes(32),
        "created": 1,
        "merged": 1,
        "quality": bytes(32),
    } | changes
    return {name: value for name, value in given.items() if value is not ...}


def padded(payload: bytes) -> bytes:
    """A packed map (map16) with its `pad`, for a container whose length is a multiple of 3."""
    assert payload[:1] == b"\xde"
    payload = b"\xde" + struct.pack(">H", struct.unpack(">H", payload[1:3])[0] + 1) + payload[3:] + msgpack.packb("pad")
    return payload + msgpack.packb(bytes(-(16 + len(payload) + 2 + 32) % 3))


def packed(parsed: dict[Any, Any]) -> bytes:
    """The map as map16, whatever its size."""
    items = b"".join(msgpack.packb(name) + msgpack.packb(value) for name, value in parsed.items())
    return b"\xde" + struct.pack(">H", len(parsed)) + items


def framed(  # one keyword per field of the frame
    payload: bytes, *, version: int = 1, flags: int = 0, reserved: int = 0, key_id: int = 0, key: bytes | None = None
) -> bytes:
    """A container around `payload` whose check is right."""
    head = b"ZOVP" + struct.pack("<BBHII", version, flags, reserved, key_id, len(payload)) + payload
    return head + (hashlib.sha256(head).digest() if key is None else hmac.digest(key, head, "sha256"))


def container(**changes: Any) -> bytes:
    """A container with chosen content and a right check."""
    return framed(padded(packed(content(**changes))))


def plain_values() -> strategies.SearchStrategy[Any]:
    """Whatever an unknown key may hold."""
    whole = strategies.integers(-(1 << 63), (1 << 64) - 1)
    number = strategies.floats(allow_nan=False)
    leaves = strategies.none() | strategies.booleans() | whole | number | strategies.text() | strategies.binary()
    return strategies.recursive(
        leaves,
        lambda inner: (
            strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(), inner, max_size=4)
        ),
        max_leaves=8,
    )


if __name__ == "__main__":
    # Made once, for version 1; a later version gets files of its own and leaves these as they are.
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "voiceprint-v1.vp").write_bytes(encode(voiceprint()))
    (GOLDEN / "voiceprint-v1-no-speech.txt").write_text(to_base64(encode(silent())) + "\n")
