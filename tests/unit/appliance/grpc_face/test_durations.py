"""Durations of protobuf, both ways."""

import math

import pytest
from google.protobuf.duration_pb2 import Duration

from appliance.grpc_face.durations import cap, duration, in_seconds
from schemas.errors import ValidationError


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, (0, 0)),
        (4.928, (4, 928_000_000)),
        (0.1, (0, 100_000_000)),
        (math.nextafter(1.0, 0), (1, 0)),
        (4.9999999999, (5, 0)),
        (7199.9999999994, (7199, 999_999_999)),
        (1e-9, (0, 1)),
        (4e-10, (0, 0)),
    ],
)
def test_seconds_are_rounded_to_the_nanosecond(seconds: float, expected: tuple[int, int]) -> None:
    """Once, and a second that is full is carried."""
    made = duration(seconds)
    assert (made.seconds, made.nanos) == expected


@pytest.mark.parametrize("seconds", [0.0, 0.032, 1.25, 7200.0, 12.345678901])
def test_seconds_come_back(seconds: float) -> None:
    """What was made is read as it was."""
    assert in_seconds(duration(seconds), "x") == seconds


@pytest.mark.parametrize(
    "given",
    [
        Duration(seconds=-1),
        Duration(nanos=-1),
        Duration(nanos=1_000_000_000),
        Duration(seconds=1_000_000),
        Duration(seconds=1 << 62),
        Duration(seconds=1, nanos=-5),
    ],
)
def test_what_is_no_length_is_refused_by_name(given: Duration) -> None:
    """The message says which field it was."""
    with pytest.raises(ValidationError, match=r"^audio\.time_range\.start: "):
        in_seconds(given, "audio.time_range.start")


def test_no_cap_is_said_by_nothing_or_zero() -> None:
    """As clients say it that always send the message."""
    assert cap(Duration(), "x") is None
    assert cap(Duration(nanos=1000), "x") == 1e-6
