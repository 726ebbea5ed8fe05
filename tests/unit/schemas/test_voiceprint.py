"""The container of a voiceprint: what goes in comes out, in a form that never varies."""

import tracemalloc

import msgpack
import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis.extra import numpy as arrays

from schemas.errors import VoiceprintMalformed, VoiceprintNotFinite, VoiceprintWrongLength
from schemas.voiceprint import MAGIC, Signer, Voiceprint, decode, encode, from_base64, to_base64
from tests.unit.schemas.sample_voiceprints import (
    PROPERTY,
    container,
    content,
    framed,
    packed,
    plain_values,
    same,
    silent,
    voiceprint,
)

KNOWN = set(content()) | {"pad"}
HASHES = strategies.binary(min_size=32, max_size=32)
LENGTHS = strategies.floats(0, 1e9)
NUMBERS = strategies.integers(0, (1 << 32) - 1)
VOICEPRINTS = strategies.builds(
    Voiceprint,
    model=strategies.text(min_size=1, max_size=16),
    model_sha256=HASHES,
    space=strategies.text(min_size=1, max_size=16),
    vector=arrays.arrays(
        np.float32,
        strategies.integers(1, 300),
        elements=strategies.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    speech_length=LENGTHS,
    recording_length=LENGTHS,
    sample_rate=strategies.integers(1, (1 << 32) - 1),
    channel_number=NUMBERS,
    media_sha256=HASHES,
    created_ms=strategies.integers(0, (1 << 64) - 1),
    merged=strategies.integers(1, (1 << 32) - 1),
    quality=HASHES,
    extras=strategies.dictionaries(
        strategies.text().filter(lambda name: name not in KNOWN), plain_values(), max_size=4
    ),
)


@PROPERTY
@given(VOICEPRINTS)
def test_any_voiceprint_comes_back_as_it_was(given_one: Voiceprint) -> None:
    """What encode takes, decode gives back in every field, unknown keys among them."""
    assert same(decode(encode(given_one)), given_one)


@PROPERTY
@given(VOICEPRINTS)
def test_every_length_is_a_multiple_of_three(given_one: Voiceprint) -> None:
    """Base64 of a container never needs padding."""
    assert len(encode(given_one)) % 3 == 0
    assert "=" not in to_base64(encode(given_one))


@PROPERTY
@given(VOICEPRINTS)
def test_encoding_is_deterministic(given_one: Voiceprint) -> None:
    """A container that was read and written again has the same bytes."""
    assert encode(decode(encode(given_one))) == encode(given_one)


@PROPERTY
@given(VOICEPRINTS, HASHES)
def test_one_model_has_one_length_and_one_offset(given_one: Voiceprint, media: bytes) -> None:
    """Of one model, the largest numbers take the room that the smallest take, and the vector starts at one place."""
    vector = np.arange(1, 257, dtype=np.float32)
    one = encode(voiceprint(vector=vector))
    names = ("speech_length", "recording_length", "sample_rate", "channel_number", "created_ms", "merged", "quality")
    changes = {name: getattr(given_one, name) for name in names}
    other = encode(voiceprint(vector=vector, media_sha256=media, **changes))
    assert len(one) == len(other)
    assert one.index(vector.tobytes()) == other.index(vector.tobytes())


def test_silence_and_a_signature_change_no_length() -> None:
    """Voiceprints without speech and signed ones are as long as the others of their model."""
    assert len(encode(silent())) == len(encode(voiceprint())) == len(encode(voiceprint(), Signer(1, b"key")))


def test_a_voiceprint_of_256_values_is_small() -> None:
    """256 values and all that belongs to them stay under 1,500 bytes."""
    assert len(encode(voiceprint())) < 1500


def test_the_first_byte_is_a_complete_ubjson_value() -> None:
    """A container starts with `Z`, which is null in UBJSON and needs nothing after it."""
    assert MAGIC.startswith(b"Z")
    assert encode(voiceprint()).startswith(MAGIC)


def test_the_map_holds_what_the_layout_says_in_its_order() -> None:
    """The payload's keys are those that the module's docstring lists, with unknown ones before the pad."""
    payload = encode(voiceprint(extras={"later": 1}))[16:-32]
    listed = "model sha256 space dim vector speech recording rate channel media created merged quality later pad"
    assert list(msgpack.unpackb(payload)) == listed.split()


def test_a_container_made_by_hand_is_read() -> None:
    """A container framed from the documented layout by other code decodes, so the refusals beside it are earned."""
    assert decode(container()).vector.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_unknown_keys_are_kept_and_ignored() -> None:
    """A key that a newer appliance wrote survives reading and writing, and changes nothing else."""
    read = decode(container(later={"deep": [1, b"x"]}))
    assert read.extras == {"later": {"deep": [1, b"x"]}}
    assert same(decode(encode(read)), read)
    assert read.vector.tolist() == decode(container()).vector.tolist()


def test_silence_is_flagged_and_has_no_vector() -> None:
    """Without speech the flag is set, the stored values are zeros, and a client sees an empty vector."""
    data = encode(silent())
    read = decode(data)
    assert (data[5], read.has_speech, read.vector.any(), read.spoken_vector.shape) == (2, False, False, (0,))


def test_speech_is_not_flagged() -> None:
    """With speech no flag is set and a client sees the vector."""
    data = encode(voiceprint())
    assert data[5] == 0
    assert decode(data).spoken_vector.tolist() == voiceprint().vector.tolist()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"vector": np.array([1, np.nan], np.float32)}, VoiceprintNotFinite),
        ({"vector": np.array([1, np.inf], np.float32)}, VoiceprintNotFinite),
        ({"speech_length": float("nan")}, VoiceprintNotFinite),
        ({"recording_length": float("inf")}, VoiceprintNotFinite),
        ({"vector": np.array([1e300])}, VoiceprintMalformed),
        ({"vector": np.ones((2, 2), np.float32)}, VoiceprintMalformed),
        ({"vector": np.ones(0, np.float32)}, VoiceprintMalformed),
        ({"vector": np.ones(1 << 18, np.float32)}, VoiceprintWrongLength),
        ({"model": ""}, VoiceprintMalformed),
        ({"space": "é" * 33}, VoiceprintMalformed),
        ({"model_sha256": b"short"}, VoiceprintMalformed),
        ({"quality": bytes(33)}, VoiceprintMalformed),
        ({"speech_length": -1.0}, VoiceprintMalformed),
        ({"sample_rate": 0}, VoiceprintMalformed),
        ({"channel_number": 1 << 32}, VoiceprintMalformed),
        ({"created_ms": -1}, VoiceprintMalformed),
        ({"merged": 0}, VoiceprintMalformed),
        ({"extras": {"dim": 3}}, VoiceprintMalformed),
        ({"extras": {"pad": b""}}, VoiceprintMalformed),
        ({"extras": {1: "one"}}, VoiceprintMalformed),
        ({"extras": {"x": {1: "one"}}}, VoiceprintMalformed),
        ({"extras": {"x": object()}}, VoiceprintMalformed),
        ({"extras": {"x": 1 << 64}}, VoiceprintMalformed),
        ({"extras": {"x": msgpack.ExtType(5, b"x")}}, VoiceprintMalformed),
        ({"extras": {"x": [msgpack.Timestamp(1)]}}, VoiceprintMalformed),
    ],
)
def test_nothing_is_written_that_would_not_be_read(changes: dict[str, object], error: type[Exception]) -> None:
    """Encode refuses by name what decode would refuse, other keys that look like its own among it."""
    with pytest.raises(error):
        encode(voiceprint(**changes))


def test_base64_comes_back() -> None:
    """A container and its Base64 are the same thing."""
    assert from_base64(to_base64(encode(voiceprint()))) == encode(voiceprint())


@pytest.mark.parametrize("text", ["AAA", "AAAA\n", "AA AA", "AA-_", "é", "\ud800", "{}", "A===", "AAAA="])
def test_text_that_is_not_base64_is_refused(text: str) -> None:
    """Wrong lengths, other alphabets, blanks and text that is not ASCII are one named error."""
    with pytest.raises(VoiceprintMalformed, match="not Base64"):
        from_base64(text)


@pytest.mark.parametrize(
    "data",
    [
        b"ZOVP\x01\x00\x00\x00" + bytes(4) + b"\xff\xff\xff\xff",
        framed(packed(content())[:-3] + b"\xc6\xff\xff\xff\xff"),
        framed(b"\xdf\xff\xff\xff\xff"),
        framed(b"\xdd\xff\xff\xff\xff"),
        framed(packed({}) + b"\xdb\xff\xff\xff\xf0"),
    ],
    ids=["frame", "binary", "map", "array", "text"],
)
def test_a_claimed_length_allocates_nothing(data: bytes) -> None:
    """Lengths of gigabytes, in the frame or in the map, are refused without taking memory for them."""
    tracemalloc.start()
    try:
        with pytest.raises((VoiceprintMalformed, VoiceprintWrongLength)):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
