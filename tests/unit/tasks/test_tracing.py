"""What callers say of their traces."""

import pytest

from tasks.tracing import trace_id, traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_trace_goes_on() -> None:
    """As it was given; of a later version, what all versions have."""
    assert traceparent(GIVEN) == GIVEN
    assert traceparent(f"01-{TRACE}-{SPAN}-01-more") == GIVEN
    assert trace_id(GIVEN) == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        GIVEN.upper(),
        f"{GIVEN}-more",
        f"{GIVEN}\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{GIVEN},{GIVEN}",
        f"00-{TRACE}-{SPAN}",
        f"01-{TRACE}-{SPAN}-01more",
    ],
)
def test_what_is_none_begins_no_trace(given: str) -> None:
    """It is passed over, as the specification asks."""
    assert traceparent(given) == ""
    assert trace_id("") == ""
