"""Whatever is wrong with a container is a named error, and nothing wrong passes."""

import struct

import msgpack
import pytest
from hypothesis import given, strategies

from schemas import errors
from schemas.errors import (
    VoiceprintDamaged,
    VoiceprintError,
    VoiceprintKeyUnknown,
    VoiceprintMalformed,
    VoiceprintNotFinite,
    VoiceprintNotSigned,
    VoiceprintTruncated,
    VoiceprintUnknownVersion,
    VoiceprintWrongLength,
    VoiceprintWrongMagic,
)
from schemas.voiceprint import Signer, decode, encode
from tests.unit.schemas.sample_voiceprints import (
    KEY,
    KEY_ID,
    PROPERTY,
    container,
    content,
    framed,
    packed,
    padded,
    silent,
    voiceprint,
)

WHOLE = encode(voiceprint())
SIGNED = encode(voiceprint(), Signer(KEY_ID, KEY))
NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize("data", [b"", b"RIFF", b"VPT ", b"e2k", b"ZVP1" + WHOLE[4:], b"\x00" + WHOLE, WHOLE[1:]])
def test_other_things_have_the_wrong_magic(data: bytes) -> None:
    """Audio, older voiceprints, nothing at all and a shifted container are not voiceprints of this appliance."""
    with pytest.raises(VoiceprintWrongMagic):
        decode(data)


def test_every_prefix_is_truncated() -> None:
    """However little is missing at the end, the error says so."""
    for length in range(1, len(WHOLE)):
        with pytest.raises(VoiceprintTruncated):
            decode(WHOLE[:length])


@pytest.mark.parametrize("tail", [b"\0", b"\n", b"abc", WHOLE])
def test_trailing_bytes_are_a_wrong_length(tail: bytes) -> None:
    """Not a byte may follow a container."""
    with pytest.raises(VoiceprintWrongLength):
        decode(WHOLE + tail)


@pytest.mark.parametrize("data", [WHOLE, SIGNED, encode(silent())], ids=["plain", "signed", "silent"])
def test_every_flipped_bit_is_refused(data: bytes) -> None:
    """No single bit of a container can change unnoticed, in frame, map or check."""
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VoiceprintError):
            decode(bytes(flipped), {KEY_ID: KEY})


@pytest.mark.parametrize("place", [16, 700, -33, -32, -1])
def test_damage_is_named(place: int) -> None:
    """A changed byte of the payload or of the check is damage."""
    damaged = bytearray(WHOLE)
    damaged[place] ^= 1
    with pytest.raises(VoiceprintDamaged):
        decode(bytes(damaged))


@pytest.mark.parametrize("version", [0, 2, 255])
def test_other_versions_are_named(version: int) -> None:
    """A container of another version is told apart from a damaged one, and says which it is."""
    with pytest.raises(VoiceprintUnknownVersion, match=f"version {version};"):
        decode(framed(padded(packed(content())), version=version))


@pytest.mark.parametrize(
    "frame", [{"flags": 4}, {"flags": 128}, {"reserved": 1}, {"reserved": 1 << 15}, {"key_id": 1}], ids=str
)
def test_undefined_bits_of_the_frame_are_refused(frame: dict[str, int]) -> None:
    """Unknown flags, the reserved bytes and a key id without a signature must be 0, although the check is right."""
    with pytest.raises(VoiceprintMalformed, match="header"):
        decode(framed(padded(packed(content())), **frame))


def test_the_no_speech_flag_must_agree_with_the_vector() -> None:
    """The flag over a vector, and a vector of zeros without the flag, contradict themselves."""
    with pytest.raises(VoiceprintMalformed, match="no-speech"):
        decode(framed(padded(packed(content())), flags=2))
    with pytest.raises(VoiceprintMalformed, match="no-speech"):
        decode(container(vector=bytes(32)))


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize("place", [0, 7])
def test_a_vector_that_is_not_finite_is_refused(value: float, place: int) -> None:
    """NaN and infinity are refused wherever in the vector they are."""
    values = [1.0] * 8
    values[place] = value
    with pytest.raises(VoiceprintNotFinite):
        decode(container(vector=struct.pack("<8f", *values)))


@pytest.mark.parametrize("value", [NAN, INFINITY])
@pytest.mark.parametrize("name", ["speech", "recording"])
def test_a_length_that_is_not_finite_is_refused(name: str, value: float) -> None:
    """No length is NaN or infinite."""
    with pytest.raises(VoiceprintNotFinite):
        decode(container(**{name: value}))


@pytest.mark.parametrize("name", content())
def test_a_missing_field_is_named(name: str) -> None:
    """Every field of the layout is needed, and the error says which is not there."""
    with pytest.raises(VoiceprintMalformed, match=f"'{name}'"):
        decode(container(**{name: ...}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name, right in content().items()
        for value in (None, True, "text", b"bytes", 1, 1.0, [1], {"a": 1})
        if type(value) is not type(right)
    ],
)
def test_a_field_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    """A number for a text, a whole number for a fraction, a boolean for a number: nothing is converted."""
    with pytest.raises(VoiceprintMalformed, match=f"'{name}'"):
        decode(container(**{name: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 7},
        {"dim": 9},
        {"dim": 0},
        {"dim": -8},
        {"dim": 0, "vector": b""},
        {"vector": bytes(31)},
        {"sha256": bytes(31)},
        {"media": bytes(33)},
        {"quality": b""},
        {"model": ""},
        {"space": "s" * 65},
        {"speech": -0.5},
        {"recording": -1.0},
        {"rate": 0},
        {"rate": 1 << 32},
        {"channel": -1},
        {"created": -1},
        {"merged": 0},
    ],
    ids=str,
)
def test_a_field_out_of_range_is_refused(changes: dict[str, object]) -> None:
    """Counts, sizes and lengths that cannot be are refused although their types are right."""
    with pytest.raises(VoiceprintMalformed):
        decode(container(**changes))


def _map_with(item: bytes, count: int = 1) -> bytes:
    whole = packed(content())
    return padded(b"\xde" + struct.pack(">H", len(content()) + count) + whole[3:] + item)


@pytest.mark.parametrize(
    "payload",
    [
        _map_with(msgpack.packb("rate") + msgpack.packb(16000)),
        _map_with(msgpack.packb("x") + b"\x01" + msgpack.packb("x") + b"\x01", 2),
        _map_with(msgpack.packb("x") + b"\x82\xa1a\x01\xa1a\x02"),
        _map_with(b"\x01\x01"),
        _map_with(b"\xc4\x01a\x01"),
        _map_with(b"\x90\x01"),
        _map_with(msgpack.packb("x") + b"\x81\x01\x01"),
        _map_with(msgpack.packb("x") + msgpack.packb(msgpack.ExtType(5, b"x"))),
        _map_with(msgpack.packb("x") + msgpack.packb([msgpack.ExtType(5, b"x")])),
        _map_with(msgpack.packb("x") + msgpack.packb(msgpack.Timestamp(1))),
        _map_with(msgpack.packb("x") + msgpack.packb({"a": [msgpack.Timestamp(1, 1)]})),
        _map_with(msgpack.packb("x") + b"\xa2\xff\xfe"),
        _map_with(msgpack.packb("x") + b"\x91" * 5000 + b"\xc0"),
        _map_with(msgpack.packb("x") + b"\x81\xa1a" * 5000 + b"\xc0"),
        _map_with(msgpack.packb("x") + b"\xc1"),
        padded(packed(content())) + b"\xc0" * 3,
        padded(packed(content()))[:-3],
        b"",
        b"\xc0" * 3,
        b"\x93\x01\x02\x03\xc0\xc0",
    ],
    ids=[
        "known-key-twice",
        "unknown-key-twice",
        "nested-key-twice",
        "number-key",
        "binary-key",
        "list-key",
        "nested-number-key",
        "extension",
        "nested-extension",
        "timestamp",
        "nested-timestamp",
        "not-utf8",
        "deep-lists",
        "deep-maps",
        "reserved-byte",
        "two-values",
        "cut-off",
        "nothing",
        "null",
        "list",
    ],
)
def test_a_payload_that_is_not_the_map_is_malformed(payload: bytes) -> None:
    """Keys twice or not text, extensions, damage to the msgpack, deep nesting: one named error each time."""
    with pytest.raises(VoiceprintMalformed):
        decode(framed(payload))


def test_a_length_that_needs_base64_padding_is_refused() -> None:
    """Columns of voiceprints are decoded in one call, so each must be a multiple of 3 bytes long."""
    payloads = [packed(content(later="x" * letters)) for letters in range(3)]
    wrong = [data for data in map(framed, payloads) if len(data) % 3]
    assert len(wrong) == 2
    for data in wrong:
        with pytest.raises(VoiceprintMalformed, match="multiple of 3"):
            decode(data)


def test_a_signed_container_is_read_with_its_key() -> None:
    """The right key under the right id opens it."""
    assert decode(SIGNED, {KEY_ID: KEY}).vector.tolist() == voiceprint().vector.tolist()


@pytest.mark.parametrize("key", [b"another key", b"", KEY + b"x"])
def test_a_wrong_key_is_damage(key: bytes) -> None:
    """Whoever does not have the key cannot make a container that passes."""
    with pytest.raises(VoiceprintDamaged):
        decode(SIGNED, {KEY_ID: key})


@pytest.mark.parametrize("keys", [None, {}, {KEY_ID + 1: KEY}])
def test_an_unknown_key_is_named(keys: dict[int, bytes] | None) -> None:
    """A signature that cannot be checked is refused, not ignored."""
    with pytest.raises(VoiceprintKeyUnknown, match=f"key {KEY_ID},"):
        decode(SIGNED, keys)


@pytest.mark.parametrize("data", [WHOLE, WHOLE[:-1] + b"x", framed(b"\xc1\xc1\xc1")], ids=["good", "damaged", "no map"])
def test_what_is_not_signed_is_refused_where_it_must_be(data: bytes) -> None:
    """Before its check and its map are looked at, and with the cure."""
    with pytest.raises(VoiceprintNotSigned, match="voiceprint keyring sign"):
        decode(data, {KEY_ID: KEY}, unsigned=False)
    assert decode(SIGNED, {KEY_ID: KEY}, unsigned=False).has_speech


def test_a_signature_cannot_be_taken_off() -> None:
    """Without the flag, a signature is no check; a key id without the flag is no container of this version."""
    for key_id, error in ((KEY_ID, VoiceprintDamaged), (0, VoiceprintDamaged)):
        stripped = bytearray(SIGNED)
        stripped[5] &= ~1
        stripped[8:12] = key_id.to_bytes(4, "little")
        with pytest.raises(error):
            decode(bytes(stripped), {KEY_ID: KEY})


def test_a_plain_check_does_not_stand_for_a_signature() -> None:
    """A container that says it is signed but carries a plain SHA-256 does not pass."""
    with pytest.raises(VoiceprintDamaged):
        decode(framed(padded(packed(content())), flags=1, key_id=KEY_ID), {KEY_ID: KEY})


def test_the_check_comes_before_the_map() -> None:
    """Of a map that cannot be parsed under a check that is wrong, only the check is told."""
    data = bytearray(framed(b"\xc1\xc1\xc1"))
    data[-1] ^= 1
    with pytest.raises(VoiceprintDamaged):
        decode(bytes(data))


@PROPERTY
@given(strategies.binary(max_size=200) | strategies.binary(max_size=200).map(lambda tail: WHOLE[:16] + tail))
def test_arbitrary_bytes_are_refused_by_name(data: bytes) -> None:
    """Nothing but a VoiceprintError comes out of bytes that are no container."""
    with pytest.raises(VoiceprintError):
        decode(data)


@PROPERTY
@given(strategies.binary(max_size=200))
def test_an_arbitrary_payload_is_malformed(payload: bytes) -> None:
    """Nothing but a VoiceprintError comes out of a right frame around arbitrary bytes."""
    with pytest.raises(VoiceprintError):
        decode(framed(payload))


@PROPERTY
@given(strategies.data())
def test_a_mutated_payload_is_read_or_refused_by_name(data: strategies.DataObject) -> None:
    """Bytes of the map changed under a right check give a voiceprint that can be written, or a VoiceprintError."""
    payload = bytearray(padded(packed(content(later=[1, {"a": None}]))))
    for _ in range(data.draw(strategies.integers(1, 4))):
        place = data.draw(strategies.integers(0, len(payload) - 1))
        payload[place : place + data.draw(strategies.integers(0, 2))] = data.draw(strategies.binary(max_size=2))
    try:
        read = decode(framed(bytes(payload)))
    except VoiceprintError:
        return
    assert encode(read)


def test_each_name_is_tested_here() -> None:
    """A voiceprint error that is added to the tree is added to this file."""
    named = {
        name for name, value in globals().items() if isinstance(value, type) and issubclass(value, VoiceprintError)
    }
    # These are whole: it is what they are wanted for that they cannot be used for.
    whole = {"VoiceprintSpaceMismatch", "VoiceprintModelUnknown", "VoiceprintNoSpeech"}
    assert named | whole == {kind.__name__ for kind in errors.VoiceprintError.__subclasses__()} | {"VoiceprintError"}
