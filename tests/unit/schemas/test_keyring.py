"""The key ring: a file that only its owner may read, and keys for every purpose that tell nothing of each other."""

import base64
import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from schemas.keyring import KeyRing

ONE, TWO = bytes(range(32)), bytes(range(32, 64))


def entry(number: object, secret: bytes) -> str:
    return f'[[key]]\nid = {number}\nsecret = "{base64.b64encode(secret).decode()}"\n'


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "ring.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_newest_key_makes_and_all_of_them_check(tmp_path: Path) -> None:
    """The key of the highest id is the current one, in whatever order they stand, and the others stay known."""
    keys = KeyRing.read(written(tmp_path, entry(2, TWO) + entry(1, ONE))).derive("record")
    assert keys.current == 2
    assert keys.mac(b"content") == hmac.digest(keys.by_id[2], b"content", "sha256")
    assert keys.mac(b"content", 1) != keys.mac(b"content")


def test_every_purpose_has_keys_of_its_own() -> None:
    """No purpose's key is another's or the secret itself; how they are derived is frozen, or nothing could be read."""
    ring = KeyRing({1: ONE})
    derived = {ring.derive(purpose).by_id[1] for purpose in ("voiceprint", "record", "store", "audit")}
    assert len(derived | {ONE}) == 5
    assert ring.derive("record").by_id[1] == hmac.digest(ONE, b"voiceprint appliance 1: record\x01", "sha256")


def test_secrets_are_not_shown() -> None:
    """A key ring in a log line or a stack trace tells nothing."""
    ring = KeyRing({1: ONE})
    assert "secret" not in repr(ring)
    assert "by_id" not in repr(ring.derive("store"))


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("", 0o600, "holds no"),
        ("key = 3", 0o600, "holds no"),
        ("key = [3]", 0o600, "is not a table"),
        ("nonsense", 0o600, "is not TOML"),
        (entry(1, ONE), 0o640, "chmod 600"),
        (entry(0, ONE), 0o600, "an id of its own"),
        (entry(1 << 32, ONE), 0o600, "an id of its own"),
        (entry("true", ONE), 0o600, "an id of its own"),
        (entry(1, ONE) + entry(1, TWO), 0o600, "an id of its own"),
        (entry(1, ONE[:31]), 0o600, "32 bytes"),
        ("[[key]]\nid = 1\nsecret = 5", 0o600, "32 bytes"),
        ("[[key]]\nid = 1\nsecret = '#'", 0o600, "32 bytes"),
    ],
)
def test_a_ring_that_cannot_be_used_is_refused(tmp_path: Path, text: str, mode: int, words: str) -> None:
    """The refusal names the file, what is wrong with it and the cure, and none of its secrets."""
    path = written(tmp_path, text, mode)
    with pytest.raises(ConfigurationError, match=words) as refused:
        KeyRing.read(path)
    assert str(path) in refused.value.message
    assert base64.b64encode(ONE).decode() not in refused.value.message


def test_a_ring_that_is_not_there(tmp_path: Path) -> None:
    """The refusal says how to make one."""
    with pytest.raises(ConfigurationError, match="voiceprint keyring create"):
        KeyRing.read(tmp_path / "none")


def test_a_new_key_is_found_by_who_has_read_the_ring_before(tmp_path: Path) -> None:
    """It checks what the new key has made, while it still makes with the key that it was started with."""
    path = written(tmp_path, entry(1, ONE))
    keys = KeyRing.read(path).derive("record")
    assert 2 not in keys.by_id
    written(tmp_path, entry(1, ONE) + entry(2, TWO))
    later = KeyRing.read(path).derive("record")
    assert keys.mac(b"content", 2) == later.mac(b"content")
    assert keys.mac(b"content") == later.mac(b"content", 1)
    assert (keys.current, later.current) == (1, 2)
    assert 3 not in keys.by_id


def test_what_was_read_stays_good(tmp_path: Path) -> None:
    """A ring that is taken away, damaged or made another does not change the keys of who has read it."""
    path = written(tmp_path, entry(1, ONE))
    keys = KeyRing.read(path).derive("store")
    before = keys.by_id[1]
    for text in ("nonsense", entry(1, TWO) + entry(3, ONE)):
        written(tmp_path, text)
        assert 2 not in keys.by_id
    path.unlink()
    assert 4 not in keys.by_id
    assert keys.by_id[1] == before
    assert sorted(keys.by_id) == [1, 3]


def test_when_keys_were_made(tmp_path: Path) -> None:
    """The dates are read where they are dates, and nothing depends on them."""
    text = entry(1, ONE) + "created = 2026-01-01T00:00:00Z\n" + entry(2, TWO) + 'created = "yesterday"\n'
    assert KeyRing.read(written(tmp_path, text)).created == {1: datetime(2026, 1, 1, tzinfo=UTC)}
