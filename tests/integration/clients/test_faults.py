"""What the Python client does when something stands between it and the appliance."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import RECORDINGS, Appliance
from tests.integration.clients.between import Between
from tests.integration.clients.conftest import Say
from voiceprint_client import ask, errors

DEMO = RECORDINGS / "demo.flac"
BUSY = (503, {"Retry-After": "0"}, json.dumps({"type": "service.overloaded", "message": "full", "detail": []}).encode())
PENDING = (200, {"Content-Type": "application/json"}, b'{"task": {"task_id": "1", "state": "pending"}}')


def methods(between: Between) -> list[str]:
    return [seen.method for seen in between.seen]


def ids(between: Between) -> set[str]:
    """The tasks that the appliance has made for what was posted."""
    return {
        seen.answer.json()["task"]["task_id"]
        for seen in between.seen
        if seen.method == "POST" and seen.answer is not None
    }


@pytest.mark.parametrize("fate", ["lose", "cut"])
def test_a_post_whose_answer_is_lost_makes_one_task(say: Say, between: Between, fate: str) -> None:
    """It is sent again with the key that it had, and the appliance says that the task is there."""
    between.plan = [fate, fate, "pass"]
    assert say(between.url, "extract", DEMO).channels[0].vector_voiceprint
    assert methods(between)[:3] == ["POST"] * 3
    assert len({seen.headers["Idempotency-Key"] for seen in between.seen[:3]}) == 1
    assert len(ids(between)) == 1
    answers = [seen.answer for seen in between.seen[1:3]]
    assert [answer and answer.headers["Idempotent-Replayed"] for answer in answers] == ["true", "true"]


def test_two_requests_are_two_tasks(say: Say, between: Between) -> None:
    """A key is for one submission, unless the caller brings one."""
    request = ask.extract(DEMO)
    say(between.url, "submit", request)
    say(between.url, "submit", request)
    assert len(ids(between)) == 2
    own = [say(between.url, "submit", request, idempotency_key=f"mine-{say.__name__}").task_id for _ in range(2)]
    assert own[0] == own[1]
    with pytest.raises(errors.Conflict):
        say(between.url, "submit", ask.extract(DEMO, range_from=1), idempotency_key=f"mine-{say.__name__}")


def test_a_busy_appliance_is_asked_again(say: Say, between: Between) -> None:
    """A 503 passes, before a POST, at a poll and at an erasure alike."""
    between.plan = [BUSY, "pass", BUSY, "lose", "cut"]
    task = say(between.url, "submit", ask.extract(DEMO))
    assert say(between.url, "wait", task)
    between.plan = [BUSY, "lose"]
    # The first that came through has erased it.
    assert say(between.url, "erase", task) is False
    with pytest.raises(errors.NotFound):
        say(between.url, "wait", task)


def test_without_patience_a_fault_is_told_at_once(say: Say, between: Between) -> None:
    """A refusal, and a connection that ends, are raised as what they are."""
    between.plan = [BUSY, "lose"]
    with pytest.raises(errors.Overloaded, match="full"):
        say(between.url, "extract", DEMO, options={"patience": 0})
    with pytest.raises(errors.NoAnswer):
        say(between.url, "extract", DEMO, options={"patience": 0})
    assert methods(between) == ["POST", "POST"]


def test_an_appliance_without_waiting_is_polled(say: Say, between: Between) -> None:
    """Where `wait` means nothing, the client asks again until the task has ended."""
    between.plan = ["pass", PENDING, PENDING, PENDING, "pass"]
    assert say(between.url, "voice_activity", DEMO).channels[0].segments
    assert methods(between) == ["POST", *["GET"] * 4]


def test_json_is_understood_as_well(say: Say, between: Between, appliance: Appliance) -> None:
    """From an appliance that has only that, the same numbers come, bit for bit."""
    task = say(appliance.url, "submit", ask.extract(DEMO))
    packed = say(appliance.url, "wait", task)
    text = httpx.get(appliance.url + task.path)
    assert text.headers["Content-Type"].startswith("application/json")
    between.plan = [(200, {"Content-Type": "application/json"}, text.content)]
    assert say(between.url, "wait", task) == packed


def test_a_task_may_take_too_long(say: Say, between: Between, appliance: Appliance) -> None:
    """Then it is told as a TimeoutError, and the task is erased."""
    between.always = lambda seen: PENDING if seen.method == "GET" else "pass"
    with pytest.raises(TimeoutError) as unfinished:
        say(between.url, "extract", DEMO, options={"within": 0.2})
    assert isinstance(unfinished.value, errors.TaskUnfinished)
    assert methods(between)[-1] == "DELETE"
    assert (
        httpx.get(f"{appliance.url}{between.seen[0].path.split('?')[0]}/{unfinished.value.task_id}").status_code == 404
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((302, {"Location": "http://elsewhere.example"}, b""), "leads to http://elsewhere.example"),
        ((200, {"Content-Type": "text/html"}, b"<html>welcome"), "cannot be read"),
        ((200, {"Content-Type": "application/json"}, b"[1]"), "without an object"),
        ((202, {"Content-Type": "application/json"}, b'{"task": "1"}'), "which task"),
    ],
)
def test_another_address_is_told(say: Say, between: Between, answer: Any, told: str) -> None:
    """A redirect is not followed, and what is no appliance is named as such."""
    between.plan = [answer]
    with pytest.raises(errors.StrangeAnswer, match=told):
        say(between.url, "extract", DEMO)
    assert len(between.seen) == 1


def test_a_wrong_address_is_told(say: Say) -> None:
    """Nobody there is NoAnswer, and what is no address a ValueError at once."""
    with pytest.raises(errors.NoAnswer):
        say("http://127.0.0.1:9", "info", options={"patience": 0})
    with pytest.raises(ValueError, match="http"):
        say("127.0.0.1:8000", "info")
