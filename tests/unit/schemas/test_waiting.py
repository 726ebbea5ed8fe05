"""How long a poll may wait."""

import pytest

from schemas.errors import ValidationError
from schemas.waiting import LONGEST_WAIT, waiting_seconds


@pytest.mark.parametrize(
    ("given", "seconds"), [([], 0), (["0"], 0), (["30"], 30), (["0.5"], 0.5), ([".5"], 0.5), (["6e1"], LONGEST_WAIT)]
)
def test_seconds_are_read(given: list[str], seconds: float) -> None:
    """Any decimal number from 0 to the longest wait; nothing is no wait."""
    assert waiting_seconds(given) == seconds


@pytest.mark.parametrize("given", [["60.1"], ["-0.1"], ["x"], [""], ["nan"], ["1", "1"], ["1_0"]])
def test_what_is_no_time_names_the_parameter(given: list[str]) -> None:
    """The one fault is located at `wait` in the query."""
    with pytest.raises(ValidationError) as refused:
        waiting_seconds(given)
    assert [detail.location for detail in refused.value.detail] == [("query", "wait")]
    assert "query.wait: " in refused.value.message


@pytest.mark.parametrize("given", ["60.1", "61", "1e9", "1e400"])
def test_one_bound_is_named(given: str) -> None:
    """However much too long it is, the longest wait is what it is told."""
    with pytest.raises(ValidationError, match=f"less than or equal to {LONGEST_WAIT}$"):
        waiting_seconds([given])
