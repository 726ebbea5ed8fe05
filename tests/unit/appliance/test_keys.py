"""API keys: which are known, and what stands for their holders."""

import pytest

from appliance import keys
from appliance.settings import Settings


def test_without_keys_there_is_no_check() -> None:
    """Nothing is asked for where no key is set."""
    assert keys.known(Settings()) is None


def test_each_key_is_known_and_nothing_else() -> None:
    """Every configured key opens, wherever it stands in the list; its beginning and an empty one do not."""
    check = keys.known(Settings.model_validate({"api_keys": ["first-key", "second-key"]}))
    assert check is not None
    assert [check(key) for key in ("first-key", "second-key", "first", "", "third-key", "\udcff")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("authorization", "api_key", "key"),
    [
        ("Bearer word", "", "word"),
        ("bearer  word ", "other", "word"),
        ("", "word", "word"),
        ("Basic abc", "word", "word"),
        ("Bearer", "word", ""),
        ("", "", ""),
    ],
)
def test_where_a_key_is_found(authorization: str, api_key: str, key: str) -> None:
    """A bearer token comes before `X-API-Key`; other schemes are no key."""
    assert keys.presented(authorization, api_key) == key


def test_scopes_tell_holders_apart() -> None:
    """A scope is the same for the same key, another for another, none without, and not the key."""
    assert keys.scope("a") == keys.scope("a") != keys.scope("b")
    assert keys.scope("") == b""
    assert b"word" not in keys.scope("word")
