"""When a callback that failed is sent again."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Seconds after the first failure, the second, and so on; the last for all that follow, until the task expires.
DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
# Receivers that failed together shall not be called together again.
_JITTER = 0.2


def delay(failures: int, asked: float, delays: Sequence[float] = DELAYS) -> float:
    """Seconds until the next attempt, after one failure or more; the receiver asked for `asked`, which is granted up to
    the longest delay."""
    seconds = delays[min(failures, len(delays)) - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # no secret
    return max(seconds, min(asked, max(delays)))


def retry_after(text: str) -> float:
    """The seconds that a `Retry-After` header asks for, as a number or as a date; 0 for what cannot be read."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
