"""Protobuf durations and seconds."""

from fractions import Fraction

from google.protobuf.duration_pb2 import Duration

from schemas.errors import Detail, ValidationError
from schemas.listening import MAXIMUM_SECONDS

_NANOS = 1_000_000_000


def duration(seconds: float) -> Duration:
    """The duration of `seconds`, rounded once, to the nanosecond."""
    # A product of floats would round before it is rounded.
    whole, nanos = divmod(round(Fraction(seconds) * _NANOS), _NANOS)
    return Duration(seconds=whole, nanos=nanos)


def in_seconds(given: Duration, name: str) -> float:
    """Raises ValidationError, calling it `name`, for what is negative, no duration or longer than any recording."""
    if given.seconds < 0 or given.nanos < 0:
        raise invalid(name, "a duration here must not be negative")
    if given.nanos >= _NANOS:
        raise invalid(name, f"{given.nanos} nanoseconds are no part of a second")
    if given.seconds >= MAXIMUM_SECONDS:
        raise invalid(name, f"at most {MAXIMUM_SECONDS} s can be said here")
    return given.seconds + given.nanos / _NANOS


def cap(given: Duration, name: str) -> float | None:
    """Seconds of speech that are enough; None for zero, which is what a duration says that is not set."""
    return in_seconds(given, name) or None


def invalid(name: str, fault: str) -> ValidationError:
    """The refusal of a call whose field `name` is at fault."""
    return ValidationError(f"{name}: {fault}", [Detail(tuple(name.split(".")), fault, "value_error")])
