"""`Idempotency-Key`: however often a request is sent, there is one task, and no key leads to another's."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from schemas.technologies import technologies
from tests.conftest import API, CONVERSION, EXTRACTION, Appliance, ended
from tests.hardening.conftest import GOOD, stored
from tests.hardening.wire import assert_refused
from tests.made_keys import made_keys
from tests.own_redis import OwnRedis

Serve = Callable[..., Appliance]
KEY = "Idempotency-Key"
DOCUMENT = {"voiceprints": [GOOD]}


def send(client: httpx.Client, key: str, document: object = DOCUMENT, **headers: str) -> httpx.Response:
    return client.post(CONVERSION, json=document, headers={KEY: key, **headers})


def upload(client: httpx.Client, key: str, content: bytes = b"a recording", **query: str) -> httpx.Response:
    return client.post(EXTRACTION, files={"file": content}, params=query, headers={KEY: key})


def task(answer: httpx.Response, *, replayed: bool) -> str:
    """The id of the task that was answered."""
    assert answer.status_code == 202, answer.text
    assert answer.headers.get("Idempotent-Replayed") == ("true" if replayed else None)
    found: str = answer.json()["task"]["task_id"]
    assert answer.headers["Location"] == answer.headers["X-Location"]
    assert answer.headers["Location"].endswith(f"/{found}")
    return found


def test_the_same_request_is_the_same_task(serve: Serve) -> None:
    """A recording and a document that are sent again find their tasks, and are stored once."""
    appliance = serve()
    with appliance.client() as client:
        for again in (upload, send):
            key = f"{again.__name__} once more"
            first = task(again(client, key), replayed=False)
            assert [task(again(client, key), replayed=True) for _ in range(3)] == [first] * 3
        assert client.get("/api/system/status").json()["tasks"]["waiting"] == 2
    assert len(stored(appliance.data_dir)) == 2


def test_the_present_state_is_told(client: httpx.Client) -> None:
    """A request that is sent again after its task has ended says so, and where its result is."""
    first = send(client, "the present state")
    ended(client, first.headers["Location"])
    again = send(client, "the present state")
    assert task(again, replayed=True) == first.json()["task"]["task_id"]
    assert again.json()["task"]["state"] == "done"
    assert "result" in client.get(again.headers["Location"]).json()
    client.delete(first.headers["Location"])
    assert task(send(client, "the present state"), replayed=False) != first.json()["task"]["task_id"]


def test_another_request_is_a_conflict(serve: Serve) -> None:
    """Another body, parameter or technology under a key that was used is 409, stores nothing and changes nothing."""
    appliance = serve()
    with appliance.client() as client:
        first = task(upload(client, "k"), replayed=False)
        for other in (
            upload(client, "k", b"another recording"),
            upload(client, "k", channels="1"),
            client.post(f"{API}/gender-identification", files={"file": b"a recording"}, headers={KEY: "k"}),
            send(client, "k"),
        ):
            assert_refused(other, 409, "request.conflict")
        assert task(upload(client, "k", channel_mode="split"), replayed=True) == first
    assert [path.name for path in stored(appliance.data_dir)] == [first]


def test_a_refused_request_uses_no_key(serve: Serve) -> None:
    """After a 422 the same key takes the request that was put right."""
    with serve().client() as client:
        assert send(client, "k", {"voiceprints": []}).status_code == 422
        assert client.post(EXTRACTION, headers={KEY: "k"}).status_code == 415
        task(send(client, "k"), replayed=False)


def test_many_at_once_are_one_task(serve: Serve) -> None:
    """Twenty concurrent requests with one key are one task, one file, and one answer that is not a replay."""
    appliance = serve()
    with appliance.client() as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: upload(client, "k"), range(20)))
        assert [answer.status_code for answer in answers] == [202] * 20
        assert len({answer.json()["task"]["task_id"] for answer in answers}) == 1
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
        assert client.get("/api/system/status").json()["tasks"]["waiting"] == 1
    assert len(stored(appliance.data_dir)) == 1


def test_a_client_that_got_no_answer_finds_its_task(serve: Serve) -> None:
    """Whether or not the request came through before the connection broke, sending it again is safe."""
    appliance = serve()
    for number in range(10):
        with appliance.client() as client:
            with suppress(httpx.TimeoutException):
                client.post(
                    EXTRACTION, files={"file": bytes(1000)}, headers={KEY: str(number)}, timeout=(number + 1) / 500
                )
            first = upload(client, str(number), bytes(1000)).json()["task"]["task_id"]
            assert task(upload(client, str(number), bytes(1000)), replayed=True) == first
            assert client.get("/api/system/status").json()["tasks"]["waiting"] == number + 1
    assert len(stored(appliance.data_dir)) == 10


def test_each_api_key_has_its_own(serve: Serve, tmp_path: Path) -> None:
    """Two callers may use one key for different things, and neither learns of the other's task."""
    one, other = made_keys(tmp_path, "one", "other")
    with serve().client() as client:
        first = task(send(client, "k", **{"X-API-Key": one}), replayed=False)
        second = task(send(client, "k", {"voiceprints": [GOOD, GOOD]}, **{"X-API-Key": other}), replayed=False)
        assert first != second
        assert task(send(client, "k", Authorization=f"Bearer {one}"), replayed=True) == first


def test_without_keys_there_is_one_caller(serve: Serve) -> None:
    """A made-up API key is no name to be told apart by."""
    with serve().client() as client:
        first = task(send(client, "k"), replayed=False)
        assert task(send(client, "k", **{"X-API-Key": "made up"}), replayed=True) == first


@pytest.mark.parametrize("key", ["a", "~" * 255, 'a "key" with, all: {kinds} of\\ things!', "1a2b", "x y"])
def test_any_printable_key_is_one(client: httpx.Client, key: str) -> None:
    """One to 255 printable ASCII characters."""
    first = task(send(client, key), replayed=False)
    assert task(send(client, key), replayed=True) == first


@pytest.mark.parametrize("key", [b"", b"~" * 256, "schl\u00fcssel".encode(), b"\xff", b"a\tb"])
def test_a_key_that_is_none_is_refused(client: httpx.Client, key: bytes) -> None:
    """For every technology, before anything of the body is looked at."""
    for name in technologies():
        answer = client.post(f"{API}/{name}", content=b"x", headers={KEY.encode(): key})
        assert_refused(answer, 422, "request.validation-error", (("header", KEY), "idempotency_key"))


def test_a_repeated_key_is_refused(client: httpx.Client) -> None:
    """Which of the two was meant is not guessed."""
    answer = client.post(CONVERSION, json=DOCUMENT, headers=[(KEY, "a"), (KEY, "a")])
    assert_refused(answer, 422, "request.validation-error", (("header", KEY), "repeated"))


def test_a_full_queue_takes_what_is_sent_again(serve: Serve) -> None:
    """It makes no task; a new request is refused, under a new key or under none."""
    with serve(max_queue_length=1).client() as client:
        first = task(send(client, "k"), replayed=False)
        assert task(send(client, "k"), replayed=True) == first
        assert_refused(send(client, "k", {"voiceprints": [GOOD, GOOD]}), 409, "request.conflict")
        assert_refused(send(client, "new"), 503, "service.overloaded")


def test_a_restart_of_redis_forgets_no_key(serve: Serve, own_redis: OwnRedis) -> None:
    """What was answered with 202 is on disk, its key included."""
    with serve(redis_url=own_redis.url).client() as client:
        first = task(send(client, "k"), replayed=False)
        own_redis.stop()
        own_redis.start()
        asyncio.run(own_redis.ready())
        assert task(send(client, "k"), replayed=True) == first


def test_a_request_that_meets_a_lost_redis_can_be_sent_again(serve: Serve, own_redis: OwnRedis) -> None:
    """After a 503 nobody knows whether the task exists; with its key it is one task all the same."""
    appliance = serve(redis_url=own_redis.url)
    with appliance.client() as client:
        own_redis.stop()
        assert_refused(send(client, "k"), 503, "service.overloaded")
        own_redis.start()
        asyncio.run(own_redis.ready())
        first = send(client, "k").json()["task"]["task_id"]
        assert task(send(client, "k"), replayed=True) == first
        assert client.get("/api/system/status").json()["tasks"]["waiting"] == 1
