"""When the Python client repeats a call, and when it gives up."""

import json
from collections.abc import Sequence

import pytest

from voiceprint_client import errors
from voiceprint_client.calls import Calls
from voiceprint_client.wire import Answer, Call

CALL = Call("GET", "/")
FINE = Answer(200, {}, b"{}")
GONE = errors.NoAnswer("no connection")


def refusal(status: int, kind: str, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps({"type": kind, "message": "no", "detail": []}).encode())


class Told:
    """A transport that answers as it was told, and remembers how long it should have paused."""

    def __init__(self, answers: Sequence[Answer | errors.NoAnswer]) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []

    async def send(self, _: Call) -> Answer:
        answer = self.answers.pop(0)
        if isinstance(answer, errors.NoAnswer):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_a_busy_appliance_is_left_alone_for_as_long_as_it_asks() -> None:
    """No pause is shorter than `Retry-After`."""
    busy = [refusal(429, "request.rate-limit-exceeded", **{"retry-after": str(seconds)}) for seconds in (7, 3)]
    transport = Told([*busy, FINE])
    assert await Calls(transport, 60).ask(CALL) == FINE
    assert [pause >= asked for pause, asked in zip(transport.pauses, (7, 3), strict=True)] == [True, True]


async def test_pauses_grow() -> None:
    """Who is not told when to come again comes less and less often."""
    transport = Told([FINE, *[GONE] * 4, FINE])
    calls = Calls(transport, 60)
    await calls.ask(CALL)
    await calls.ask(CALL)
    assert len(transport.pauses) == 4
    assert sorted(transport.pauses) == transport.pauses


async def test_more_than_its_patience_is_not_waited() -> None:
    """What asks for longer is told at once, with how long it asks for."""
    transport = Told([refusal(503, "service.overloaded", **{"retry-after": "61"})])
    with pytest.raises(errors.Overloaded) as refused:
        await Calls(transport, 60).ask(CALL)
    assert refused.value.retry_after == 61
    assert transport.pauses == []


async def test_nothing_is_repeated_after_the_end() -> None:
    """Where a caller's own time is over, its patience is too."""
    with pytest.raises(errors.NoAnswer):
        await Calls(Told([GONE]), 60).ask(CALL, end=0.0)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "request.unauthorized", errors.Unauthorized),
        (404, "resource.not-found", errors.NotFound),
        (500, "internal", errors.Internal),
        (418, "teapot", errors.Refused),
    ],
)
async def test_what_will_not_pass_is_not_repeated(status: int, kind: str, error: type[errors.Refused]) -> None:
    """A refusal for good is raised at once, as the error of its type."""
    with pytest.raises(errors.Refused) as refused:
        await Calls(Told([refusal(status, kind, **{"x-request-id": "abc"})]), 60).ask(CALL)
    assert type(refused.value) is error
    assert (refused.value.status, refused.value.type, refused.value.request_id) == (status, kind, "abc")


async def test_what_a_proxy_says_is_understood_as_well() -> None:
    """A busy answer without the appliance's body is Busy, after patience has ended."""
    with pytest.raises(errors.Busy, match="502"):
        await Calls(Told([Answer(502, {}, b"<html>")]), 0).ask(CALL)
