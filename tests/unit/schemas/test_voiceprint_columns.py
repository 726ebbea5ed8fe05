"""Containers read together are read as they would be one by one."""

import dataclasses
import hashlib

import numpy as np
import pytest

from schemas.errors import VoiceprintError
from schemas.voiceprint import NO_SPEECH, Signer, decode, encode
from schemas.voiceprint_columns import Layout
from tests.unit.schemas.sample_voiceprints import KEY, KEY_ID, content, framed, packed, padded, same, silent, voiceprint

SIGNER = Signer(KEY_ID, KEY)
SMALL = voiceprint(vector=np.array([0.5, -0.25], np.float32))


def layout_of(container: bytes, key: bytes | None = None) -> Layout:
    layout = Layout.of(container, decode(container, {KEY_ID: KEY}), key)
    assert layout is not None
    return layout


def rows(*containers: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(containers), np.uint8).reshape(len(containers), -1)


@pytest.mark.parametrize("signer", [None, SIGNER])
def test_every_field_of_every_one(signer: Signer | None) -> None:
    """Whatever differs between voiceprints of one model comes back, without speech as well."""
    sent = [
        voiceprint(),
        silent(),
        voiceprint(
            vector=np.random.default_rng(0).normal(size=256).astype(np.float32),
            speech_length=0.0,
            recording_length=1e300,
            sample_rate=(1 << 32) - 1,
            channel_number=0,
            media_sha256=bytes(32),
            created_ms=(1 << 64) - 1,
            merged=1,
            quality=bytes(32),
        ),
    ]
    containers = [encode(one, signer) for one in sent]
    good, read = layout_of(containers[0], KEY if signer else None).read(rows(*containers))
    assert good.tolist() == [True] * 3
    assert read.spoken.tolist() == [True, False, True]
    assert all(same(one, other) for one, other in zip(read.each(), sent, strict=True))
    assert same(next(read.part(slice(1, 2)).each()), sent[1])


@pytest.mark.parametrize("signer", [None, SIGNER])
def test_a_bit_flipped_anywhere_is_left_out(signer: Signer | None) -> None:
    """Of a container that was altered in any byte nothing is taken."""
    container = encode(SMALL, signer)
    flipped = np.repeat(rows(container), len(container), axis=0)
    places = np.arange(len(container))
    flipped[places, places] ^= (1 << places % 8).astype(np.uint8)
    good, read = layout_of(container, KEY if signer else None).read(flipped)
    assert not good.any()
    assert len(read) == 0


@pytest.mark.parametrize("value", [0, 1, 0x7F, 0x80, 0xFF])
def test_what_cannot_be_read_alone_is_not_read_together(value: int) -> None:
    """Any byte set to any value under a check that is right: what is taken is what `decode` makes of it."""
    container = encode(SMALL)
    made = []
    for place in range(len(container) - 32):
        altered = container[:place] + bytes([value]) + container[place + 1 : -32]
        made.append(altered + hashlib.sha256(altered).digest())
    good, read = layout_of(container).read(rows(*made))
    taken = iter(read.each())
    for one, was_taken in zip(made, good, strict=True):
        if was_taken:
            assert same(next(taken), decode(one))
    assert len(read) > 100


@pytest.mark.parametrize(
    "changes",
    [
        {"speech_length": float("nan")},
        {"speech_length": float("inf")},
        {"recording_length": -1.0},
        {"sample_rate": 0},
        {"merged": 0},
        {"vector": np.array([np.nan, 1], np.float32)},
        {"vector": np.array([np.inf, 1], np.float32)},
        {"model": "golden-mode1"},
        {"space": "golden-spac3"},
        {"model_sha256": bytes(32)},
    ],
    ids=str,
)
def test_bounds_are_those_of_a_single_one(changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Values out of range, or of another model, are left out."""
    with monkeypatch.context() as careless:
        careless.setattr("schemas.voiceprint._validate", lambda _: None)
        other = encode(dataclasses.replace(SMALL, **changes))  # type: ignore[arg-type]
    good, _ = layout_of(encode(SMALL)).read(rows(encode(SMALL), other))
    assert good.tolist() == [True, False]


def test_a_flag_that_contradicts_its_vector_is_left_out() -> None:
    """Speech without a vector, or a vector without speech, is malformed."""
    payload = encode(SMALL)[16:-32]
    contradicting = framed(payload, flags=NO_SPEECH)
    with pytest.raises(VoiceprintError):
        decode(contradicting)
    good, _ = layout_of(encode(SMALL)).read(rows(contradicting, framed(payload)))
    assert good.tolist() == [False, True]


def test_what_is_signed_with_another_key_is_left_out() -> None:
    """An unsigned one among signed ones, and one of another key."""
    containers = [encode(SMALL, SIGNER), encode(SMALL), encode(SMALL, Signer(8, KEY)), encode(SMALL, Signer(7, b"no"))]
    good, _ = layout_of(containers[0], KEY).read(rows(*containers))
    assert good.tolist() == [True, False, False, False]


def test_another_order_of_fields_has_no_layout() -> None:
    """What can be read though no version wrote it so is for `decode`."""
    fields = content()
    reversed_fields = dict(reversed(fields.items()))
    assert Layout.of(framed(padded(packed(fields))), decode(framed(padded(packed(fields)))), None) is None
    assert (
        Layout.of(framed(padded(packed(reversed_fields))), decode(framed(padded(packed(reversed_fields)))), None)
        is None
    )
