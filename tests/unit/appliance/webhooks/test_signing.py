"""Signatures of callbacks: those of the Standard Webhooks specification."""

import base64
import hashlib
import hmac

import pytest

from appliance.settings import load
from appliance.webhooks.signing import signed, signing_key
from schemas.errors import ConfigurationError

# The example of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # published
BODY = b'{"test": 2432232314}'


def test_the_published_example() -> None:
    """The signature of the reference libraries' own example."""
    headers = signed(signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_another_word_is_a_key_as_it_is() -> None:
    """Without the prefix the characters are the key."""
    word = "a-word-of-16-chars-or-more"
    assert signing_key(word) == word.encode()
    digest = hmac.new(word.encode(), b"id.7.{}", hashlib.sha256).digest()
    assert signed(signing_key(word), "id", 7, b"{}")["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("fifteen-letters", "at least 16 bytes"),
        ("", "at least 16 bytes"),
        ("whsec_", "at least 16 bytes"),
        ("whsec_c2hvcnQ=", "at least 16 bytes"),
        ("whsec_not-base64-at-all-but-long", "must be Base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "must be Base64"),
        ("two words that are long", "one word"),
        ("sixteen-characters\n", "one word"),
        ("sechzehn-zeichen-ü", "one word"),
    ],
)
def test_what_is_no_secret(secret: str, reason: str) -> None:
    """Too short, no Base64 after the prefix, or nothing that everyone would read as the same bytes."""
    with pytest.raises(ValueError, match=reason):
        signing_key(secret)


def test_a_setting_that_is_no_secret_stops_the_start() -> None:
    """The message names the setting and not what it held."""
    with pytest.raises(ConfigurationError, match=r"VOICEPRINT_WEBHOOK_SECRET: .*must be Base64") as refused:
        load(webhook_secret="whsec_but-no-base64-follows")  # noqa: S106  # none
    assert "but-no-base64" not in refused.value.message
