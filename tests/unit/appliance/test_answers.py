"""The ids of a request, as they stand in the log."""

import uuid

import pytest
from aiohttp.test_utils import make_mocked_request

from appliance.answers import CORRELATION_ID, logged_id, new_id, request_id


@pytest.mark.parametrize(
    ("given", "logged"),
    [
        ("call-4711/a", "call-4711/a"),
        ("call 4711", '"call 4711"'),
        (
            "x 2026-01-01 00:00:00 INFO appliance: GET /health 200",
            '"x 2026-01-01 00:00:00 INFO appliance: GET /health 200"',
        ),
        ('a" b', '"a\\" b"'),
    ],
)
def test_what_is_no_plain_word_is_quoted(given: str, logged: str) -> None:
    """An id that reads like a line of the log cannot be taken for one; the answer has it as it came."""
    request = make_mocked_request("GET", "/", headers={CORRELATION_ID: given})
    assert logged_id(request, CORRELATION_ID) == logged
    assert request_id(request, CORRELATION_ID) == given


def test_ids_are_random_uuids() -> None:
    """An id that the appliance makes is a UUID of version 4 as everybody writes it, and another one every time."""
    made = [new_id() for _ in range(256)]
    assert all(str(uuid.UUID(one)) == one for one in made)
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made} == {(4, uuid.RFC_4122)}
    assert len(set(made)) == len(made)
