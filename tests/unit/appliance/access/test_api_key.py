"""One API key: what it looks like, and what matches it."""

import re
from datetime import UTC, datetime, timedelta

import pydantic
import pytest

from appliance.access.api_key import NOBODY, ApiKey, Scope, issued, matches, number

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def made(name: str = "caller", **more: object) -> tuple[ApiKey, str]:
    return issued(name, taken=(), scopes=tuple(Scope), **more)  # type: ignore[arg-type]


def test_a_key_is_random_and_not_kept() -> None:
    """Its form is fixed, two are never alike, and nothing of its secret is in what is kept."""
    (kept, text), (_, other) = made(), made()
    assert re.fullmatch(r"vp_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", text)
    assert text[12:] != other[12:]
    assert text[12:] not in kept.model_dump_json()
    assert number(text) == kept.id == text[3:11]


def test_it_matches_itself_and_nothing_else() -> None:
    """Not what is kept of another, nor of none, nor text that is almost it."""
    (kept, text), (other, _) = made(), made()
    assert matches(text, kept)
    for presented in (text[:-1], text + "x", text.upper(), "", "\udcff", kept.sha256, f"vp_{other.id}_{text[12:]}"):
        assert not matches(presented, kept)
    assert not matches(text, other)
    assert not matches(text, NOBODY)


@pytest.mark.parametrize(
    "text", ["", "vp_", "vp_0123456_" + "a" * 43, "vp_0123456g_" + "a" * 43, "vp_01234567_" + "a" * 42, "x" * 9000]
)
def test_what_has_not_the_form_has_no_id(text: str) -> None:
    """Whatever is sent instead of a key."""
    assert number(text) == ""


def test_ids_are_given_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that is taken is not taken again, for it names tasks."""
    drawn = iter(["00000001", "00000001", "00000002"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(drawn))
    assert issued("caller", taken={"00000001"}, scopes=())[0].id == "00000002"


@pytest.mark.parametrize(
    ("expires", "revoked", "state"),
    [
        (None, None, "valid"),
        (NOW + timedelta(seconds=1), None, "valid"),
        (NOW, None, "expired"),
        (NOW - timedelta(days=1), None, "expired"),
        (None, NOW, "revoked"),
        (NOW - timedelta(days=1), NOW + timedelta(days=1), "revoked"),
    ],
)
def test_how_long_it_is_valid(expires: datetime | None, revoked: datetime | None, state: str) -> None:
    """Until its end, and never again once it was revoked, whatever the clock says."""
    kept, _ = made(expires=expires)
    assert kept.model_copy(update={"revoked": revoked}).state(NOW) == state


@pytest.mark.parametrize("name", ["", " ", " a", "a\n", "\x1b[31m", "0123abcd", "x" * 65, "a\u202eb"])
def test_names_that_are_none(name: str) -> None:
    """A name can be printed, and is not taken for an id."""
    with pytest.raises(pydantic.ValidationError):
        made(name)


def test_nothing_has_a_default() -> None:
    """An entry that lost one of its lines is damaged, and does not open more than before."""
    whole = made()[0].model_dump(mode="json")
    assert ApiKey.model_validate(whole)
    for field in whole:
        with pytest.raises(pydantic.ValidationError):
            ApiKey.model_validate({name: value for name, value in whole.items() if name != field})
    with pytest.raises(pydantic.ValidationError):
        ApiKey.model_validate(whole | {"only_from": "10.0.0.0/8"})
