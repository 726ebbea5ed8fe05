"""When a callback that failed is sent again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from appliance.webhooks.backoff import DELAYS, delay, retry_after


@pytest.mark.parametrize(("failures", "about"), [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (99, 3600)])
def test_delays(failures: int, about: float) -> None:
    """Longer after each failure up to an hour, and never twice quite the same."""
    seconds = {delay(failures, 0.0) for _ in range(50)}
    assert about * 0.8 <= min(seconds) < max(seconds) <= about * 1.2


def test_what_a_receiver_asks_for_counts_within_bounds() -> None:
    """`Retry-After` may make it later, up to an hour, and never sooner."""
    assert delay(1, 300.0) == 300.0
    assert delay(1, 1e9) == max(DELAYS)
    assert delay(3, 1.0) >= 96.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("1.5", 0.0),
        ("²", 0.0),
        ("9" * 5000, 999999999),
    ],
)
def test_retry_after_as_a_number(text: str, seconds: float) -> None:
    """Whole seconds; what is something else asks for nothing."""
    assert retry_after(text) == seconds


def test_retry_after_as_a_date() -> None:
    """The time until then, and nothing when it has passed."""
    now = datetime.now(UTC)
    assert 50 < retry_after(format_datetime(now + timedelta(seconds=60), usegmt=True)) <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00") == 0.0
    assert retry_after("Wed, 99 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 -9999999") == 0.0
