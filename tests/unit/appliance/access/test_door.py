"""The door: when it asks for a key, and whom it lets in."""

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.access.api_key import Scope
from appliance.access.door import Door, presented, require_keys
from appliance.settings import Settings
from schemas.errors import ConfigurationError, Forbidden, Overloaded, Unauthorized
from tests.made_keys import FILE, made_keys, revoke

REACHABLE = {"host": "0.0.0.0"}  # noqa: S104  # never bound to
ANONYMOUS = REACHABLE | {"allow_anonymous": True}


def settings(folder: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": folder} | more)


@pytest.mark.parametrize(
    ("given", "keyed"), [({}, False), ({"host": "::1"}, False), (REACHABLE, True), (ANONYMOUS, False)]
)
def test_without_keys(tmp_path: Path, given: dict[str, object], keyed: bool) -> None:
    """On loopback, or when it was said so, everybody comes in, with any key or none; elsewhere nobody."""
    door = Door(settings(tmp_path, **given))
    assert door.keyed is keyed
    for shown in ("", "anything"):
        visitor = door.ask(shown, tuple(Scope), "192.0.2.1")
        assert isinstance(visitor.refusal, Unauthorized if keyed else type(None))
        assert (visitor.key_id, visitor.scope, visitor.address) == ("", b"", "192.0.2.1")


@pytest.mark.parametrize("given", [{}, REACHABLE, ANONYMOUS])
def test_with_keys_everybody_needs_one(tmp_path: Path, given: dict[str, object]) -> None:
    """As soon as there is one, wherever it listens and whatever else was said; who it is, is told."""
    (key,) = made_keys(tmp_path, "desk", technologies=("voice-activity-detection",), rate_limit=7)
    door = Door(settings(tmp_path, **given))
    visitor = door.ask(key, tuple(Scope), "192.0.2.1")
    assert visitor.refusal is None
    assert (visitor.key_id, visitor.name, visitor.scope) == (key[3:11], "desk", key[3:11].encode())
    assert (visitor.technologies, visitor.rate_limit) == (("voice-activity-detection",), 7)
    stranger = door.ask("", (), "")
    assert isinstance(stranger.refusal, Unauthorized)
    assert stranger.key_id == ""


def test_the_last_key_that_goes_opens_nothing(tmp_path: Path) -> None:
    """Keys that are over count, and are refused by name in the log alone."""
    now = datetime.now(UTC)
    (expired,) = made_keys(tmp_path, "expired", expires=now - timedelta(days=1))
    (revoked,) = made_keys(tmp_path, "revoked")
    revoke(tmp_path, revoked, now)
    door = Door(settings(tmp_path))
    refusals = [door.ask(key, (), "").refusal for key in (expired, revoked, "", "vp_00000000_" + "a" * 43)]
    assert {(type(refusal), str(refusal)) for refusal in refusals} == {(Unauthorized, str(refusals[0]))}
    assert door.keyed


def test_scopes(tmp_path: Path) -> None:
    """All that is needed must be there; what is not is named, and who it was is known."""
    (key,) = made_keys(tmp_path, "desk", scopes=(Scope.SUBMIT,))
    door = Door(settings(tmp_path))
    assert door.ask(key, (Scope.SUBMIT,), "").refusal is None
    assert door.ask(key, (), "").refusal is None
    visitor = door.ask(key, (Scope.SUBMIT, Scope.READ), "")
    assert isinstance(visitor.refusal, Forbidden)
    assert "'read'" in str(visitor.refusal)
    assert visitor.name == "desk"


def test_a_change_holds_for_the_next_who_comes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Keys that are made and revoked, and a file that breaks and is mended: each is said once."""
    caplog.set_level(logging.INFO)
    door = Door(settings(tmp_path))
    assert door.ask("", (), "").refusal is None
    (key,) = made_keys(tmp_path, "desk")
    assert door.ask(key, (), "").refusal is None
    assert isinstance(door.ask("", (), "").refusal, Unauthorized)
    whole = (tmp_path / FILE).read_bytes()
    for content in (b"{", None, b'{"version": 1, "keys": []}'):
        if content is None:
            (tmp_path / FILE).unlink()
        else:
            (tmp_path / FILE).write_bytes(content)
            (tmp_path / FILE).chmod(0o600)
        for shown in ("", key, key):
            assert isinstance(door.ask(shown, (), "").refusal, Overloaded)
        assert door.keyed
    (tmp_path / FILE).write_bytes(whole)
    (tmp_path / FILE).chmod(0o600)
    assert door.ask(key, (), "").refusal is None
    revoke(tmp_path, key, datetime.now(UTC))
    assert isinstance(door.ask(key, (), "").refusal, Unauthorized)
    assert caplog.text.count("nobody is let in") == 3
    assert key[12:] not in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads what nobody may read")
def test_a_file_that_may_not_be_read_closes_it(tmp_path: Path) -> None:
    """Also where there was none before."""
    made_keys(tmp_path, "desk")
    (tmp_path / FILE).chmod(0)
    assert isinstance(Door(settings(tmp_path)).ask("", (), "").refusal, Overloaded)


def test_what_must_be_there_at_the_start(tmp_path: Path) -> None:
    """Where others could come in there is a key, or it was said that everybody may; the cure is named."""
    require_keys(settings(tmp_path))
    require_keys(settings(tmp_path, **ANONYMOUS))
    with pytest.raises(ConfigurationError, match=r"keys create NAME.*VOICEPRINT_ALLOW_ANONYMOUS=true"):
        require_keys(settings(tmp_path, **REACHABLE))
    made_keys(tmp_path, "desk", expires=datetime.now(UTC))
    require_keys(settings(tmp_path, **REACHABLE))
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        require_keys(settings(tmp_path))


@pytest.mark.parametrize(
    ("authorization", "api_key", "key"),
    [
        (["Bearer word"], [""], "word"),
        (["bearer  word "], ["word"], "word"),
        (["Bearer word"], ["other"], ""),
        ([], ["word"], "word"),
        (["Basic abc"], ["word"], "word"),
        (["Bearer"], ["word"], ""),
        ([], [], ""),
        (["Bearer word", "Bearer word"], [], ""),
        (["Bearer word"], ["word", "word"], ""),
        ([], ["word", ""], ""),
    ],
)
def test_where_a_key_is_found(authorization: list[str], api_key: list[str], key: str) -> None:
    """A bearer token or `X-API-Key`; other schemes are no key, and two that differ or are of a kind are none."""
    assert presented(authorization, api_key) == key
