"""What `Accept` headers ask for."""

import pytest

from appliance.negotiation import preferred
from schemas.representations import ARROW, JSON, MSGPACK

OFFERED = (JSON, MSGPACK, ARROW)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ([], JSON),
        ([""], JSON),
        (["*/*"], JSON),
        (["application/*"], JSON),
        ([JSON], JSON),
        ([MSGPACK], MSGPACK),
        ([MSGPACK.upper()], MSGPACK),
        ([ARROW], ARROW),
        ([f"{MSGPACK}, {JSON}"], JSON),
        ([f"{MSGPACK}, */*"], MSGPACK),
        ([f"{MSGPACK};q=0.9, */*;q=0.8"], MSGPACK),
        ([f"{JSON};q=0.5, {MSGPACK}; q=0.7"], MSGPACK),
        ([f"{JSON};q=0.5", f"{ARROW};q=0.7,{MSGPACK};q=0.6"], ARROW),
        ([f"*/*, {JSON};q=0"], MSGPACK),
        ([f"application/*;q=0.5, {JSON};q=0.1"], MSGPACK),
        ([f"{MSGPACK};q=0"], JSON),
        (["text/html"], JSON),
        (["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], JSON),
        ([f"{MSGPACK};q=2, {ARROW};q=x"], JSON),
        ([f"{MSGPACK};profile=x"], JSON),
        ([";;,,=;q"], JSON),
    ],
)
def test_what_is_preferred(accept: list[str], form: str) -> None:
    """Weights count first, then a name before a wildcard, then the order in which the forms are offered."""
    assert preferred(accept, OFFERED) == form


def test_what_is_not_offered_is_not_given() -> None:
    """A form that this result has not is no form."""
    assert preferred([f"{ARROW}, {MSGPACK};q=0.1"], (JSON, MSGPACK)) == MSGPACK
