"""Signatures of voiceprints: made with the newest key, checked with all, and nothing else without a key ring."""

import pytest

from schemas.errors import VoiceprintDamaged, VoiceprintError, VoiceprintKeyUnknown, VoiceprintNotSigned
from schemas.keyring import KeyRing
from schemas.signatures import UNSIGNED, Signatures
from schemas.voiceprint import Signer, decode, decode_vouched, encode
from tests.unit.schemas.sample_voiceprints import KEY, KEY_ID, same, silent, voiceprint

OLD = Signatures.of(KeyRing({1: bytes(32)}), "refuse")
RING = KeyRing({1: bytes(32), 7: bytes(range(32))})
REFUSING, ACCEPTING = Signatures.of(RING, "refuse"), Signatures.of(RING, "accept")
STRANGER = Signatures.of(KeyRing({7: bytes(range(1, 33))}), "refuse")
PLAIN = encode(voiceprint())


def test_without_a_ring_nothing_changes() -> None:
    """Containers are byte for byte what they were, and signed ones are refused by the name of their key."""
    assert UNSIGNED.encode(voiceprint()) == Signatures.of(None, "refuse").encode(voiceprint()) == PLAIN
    assert same(UNSIGNED.decode(PLAIN), voiceprint())
    with pytest.raises(VoiceprintKeyUnknown, match="key 7,"):
        UNSIGNED.decode(REFUSING.encode(voiceprint()))
    with pytest.raises(ValueError, match="no keys"):
        UNSIGNED.signed(PLAIN)


def test_the_newest_key_signs_and_all_of_them_check() -> None:
    """A signature is HMAC-SHA256 under the ring's voiceprint key of the id in the frame; older ones stay good."""
    signed = REFUSING.encode(voiceprint())
    assert signed == encode(voiceprint(), Signer(7, RING.derive("voiceprint").by_id[7]))
    for container in (signed, OLD.encode(voiceprint())):
        assert same(REFUSING.decode(container), voiceprint())
        assert same(ACCEPTING.decode(container), voiceprint())


def test_what_was_not_signed_here() -> None:
    """Unsigned ones are refused unless they are to be accepted; forged ones and those of unknown keys always."""
    with pytest.raises(VoiceprintNotSigned):
        REFUSING.decode(PLAIN)
    assert same(ACCEPTING.decode(PLAIN), voiceprint())
    for signatures in (REFUSING, ACCEPTING):
        with pytest.raises(VoiceprintDamaged, match="forged"):
            signatures.decode(STRANGER.encode(voiceprint()))
        with pytest.raises(VoiceprintKeyUnknown, match="key 77"):
            signatures.decode(encode(voiceprint(), Signer(77, bytes(32))))
        with pytest.raises(VoiceprintDamaged):
            signatures.decode(signed_and_changed())


def signed_and_changed() -> bytes:
    changed = bytearray(REFUSING.encode(voiceprint()))
    changed[700] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("one", [voiceprint(), silent(), voiceprint(extras={"more": [1, "two"]})])
def test_what_was_there_before_is_signed(one: object) -> None:
    """Signing changes no byte of the map and no length, and equals the container that would be made now; once signed
    it stays as it is, and what an older key signed is signed anew."""
    plain = encode(one)  # type: ignore[arg-type]
    signed = REFUSING.signed(plain)
    assert signed == REFUSING.encode(one)  # type: ignore[arg-type]
    assert len(signed) == len(plain)
    assert REFUSING.signed(signed) == signed
    assert REFUSING.signed(OLD.signed(plain)) == signed


@pytest.mark.parametrize(
    "container",
    [PLAIN[:-1], PLAIN + b"x", PLAIN[:-1] + b"x", signed_and_changed(), STRANGER.encode(voiceprint()), b"", b"ZOVP"],
)
def test_what_is_bad_is_not_signed(container: bytes) -> None:
    """A signature vouches for what it is put on."""
    with pytest.raises(VoiceprintError):
        REFUSING.signed(container)


def test_what_is_vouched_for_is_read_without_its_key() -> None:
    """The appliance's own result needs no second proof; what cannot be parsed is still refused."""
    signed = encode(voiceprint(), Signer(KEY_ID, KEY))
    assert same(decode_vouched(signed), decode(signed, {KEY_ID: KEY}))
    for bad in (signed[:-1], b"", signed[:16] + bytes(len(signed) - 16)):
        with pytest.raises(VoiceprintError):
            decode_vouched(bad)
