"""Callbacks lead nowhere that they must not, and arrive whatever happens to the processes that send them."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.store import TaskStore
from tests.conftest import CONVERSION, EXTRACTION, Appliance
from tests.hardening.conftest import GOOD, stored
from tests.hardening.wire import assert_refused
from tests.patience import PATIENCE
from tests.unit.appliance.webhooks.receiver import Answer, Receiver, receiving
from tests.unit.tasks.made_tasks import RETENTION

Serve = Callable[..., Appliance]
SIGNED = {"webhook_secret": "a-word-of-the-tests"}
HERE = SIGNED | {"webhook_networks": "127.0.0.0/8"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


def submitted(appliance: Appliance, receiver: Receiver) -> str:
    """The location of a task of whose end `receiver` is to be told."""
    with appliance.client() as client:
        answer = client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": receiver.url})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def end_all(redis_url: str) -> list[str]:
    """Ends every task that waits, as a worker would; returns their ids."""

    async def end() -> list[str]:
        async with TaskStore.open(redis_url) as store:
            waiting = [record async for record in store.open_records()]
            for record in waiting:
                running = await store.claim(record, "w")
                assert running is not None
                assert await store.finish(running, running.done(0, b""), retention=RETENTION)
            return [record.task_id for record in waiting]

    return asyncio.run(end())


def stopped(appliance: Appliance) -> None:
    appliance.process.terminate()
    assert appliance.process.wait(PATIENCE) == 0


def killed(appliance: Appliance) -> None:
    appliance.process.kill()
    appliance.process.wait(PATIENCE)


def test_without_a_secret_nobody_is_called(serve: Serve, receiver: Receiver) -> None:
    """A receiver could not know who calls: the request is refused, and nothing of it is kept."""
    appliance = serve(webhook_networks="127.0.0.0/8")
    with appliance.client() as client:
        answer = client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": receiver.url})
        assert "VOICEPRINT_WEBHOOK_SECRET" in assert_refused(
            answer, 422, "request.validation-error", (("body", "callback_url"), "callback")
        )
    assert stored(appliance.data_dir) == []


INWARDS = [
    *("http://127.0.0.1/", "http://localhost:6379/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/"),
    *("http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1%25lo]/", "http://0/", "http://2130706433/"),
    *("http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1./", "http://no-such-host.invalid/"),
]
NO_ADDRESS = [
    "ftp://receiver.example/",
    "http://user:word@receiver.example/",
    "",
    "receiver",
    "http://h/\r\nX: 1",
    "http://[v1.a]/",
]


def asked(client: httpx.Client, url: str) -> Iterator[tuple[str, httpx.Response]]:
    """The answers to requests with this address, by where it stands in them."""
    query, config = {"callback_url": url}, (None, json.dumps({"callback_url": url}).encode())
    yield "body", client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": url})
    yield "query", client.post(CONVERSION, json={"voiceprints": [GOOD]}, params=query)
    yield "query", client.post(EXTRACTION, files={"file": b"RIFF"}, params=query)
    yield "config", client.post(EXTRACTION, files={"file": b"RIFF", "config": config})


def test_where_a_callback_must_not_lead(serve: Serve) -> None:
    """Refused in the query string, in a config and in a body alike; nothing of the request is kept."""
    appliance = serve(**SIGNED)
    with appliance.client() as client:
        for url in INWARDS:
            for place, answer in asked(client, url):
                at = (place, "callback_url")
                message = assert_refused(answer, 422, "request.validation-error", (at, "callback"))
                fault = answer.json()["detail"][0]["message"]
                assert message == f"the request is not valid: {place}.callback_url: {fault}"
        assert client.get("/api/system/status").json()["tasks"]["waiting"] == 0
    assert stored(appliance.data_dir) == []


def test_what_is_no_address(serve: Serve) -> None:
    """Refused, and located where it stands."""
    with serve(**HERE).client() as client:
        for url in NO_ADDRESS:
            for place, answer in asked(client, url):
                (detail,) = answer.json()["detail"]
                assert (answer.status_code, detail["location"]) == (422, [place, "callback_url"])


def test_what_is_sent_once_more_is_not_judged_again(serve: Serve, tmp_path: Path) -> None:
    """Its task has its addresses: where the name leads by now, and who may be called by now, change nothing."""
    sent = {"json": {"voiceprints": [GOOD], "callback_url": "http://localhost/"}, "headers": {"Idempotency-Key": "k"}}
    with serve(webhook_secret=SIGNED["webhook_secret"], webhook_networks="127.0.0.0/8,::1").client() as client:
        first = client.post(CONVERSION, **sent)
        assert first.status_code == 202, first.text
    for settings in (SIGNED, {}):
        with serve(**settings).client() as client:
            again = client.post(CONVERSION, **sent)
            assert again.headers["Idempotent-Replayed"] == "true"
            assert again.json() == first.json()
            other = client.post(CONVERSION, json=sent["json"], headers={"Idempotency-Key": "another"})
            assert_refused(other, 422, "request.validation-error", (("body", "callback_url"), "callback"))
    assert len(stored(tmp_path)) == 1


def test_a_redirect_leads_nowhere(serve: Serve, redis_url: str, receiver: Receiver) -> None:
    """A receiver cannot send the appliance to where it may not go itself."""
    with receiving(Answer(307, {"Location": f"{receiver.url}/inside"})) as moved:
        submitted(serve(**HERE), moved)
        end_all(redis_url)
        moved.got(1)
        receiver.silent()
        assert receiver.calls == []


def test_an_end_while_nobody_delivers(serve: Serve, redis_url: str, receiver: Receiver) -> None:
    """What ends while no HTTP process runs is told by the next one."""
    appliance = serve(**HERE)
    location = submitted(appliance, receiver)
    stopped(appliance)
    (task_id,) = end_all(redis_url)
    receiver.silent(0.3)
    serve(**HERE)
    (call,) = receiver.got(1)
    assert (call.task_id, call.body["location"]) == (task_id, location)


def test_a_stop_while_a_receiver_hangs(serve: Serve, redis_url: str) -> None:
    """The process ends in time, and the next one delivers."""
    held = threading.Event()
    with receiving(lambda _, before: Answer(held=None if before else held)) as receiver:
        appliance = serve(**HERE)
        submitted(appliance, receiver)
        (task_id,) = end_all(redis_url)
        receiver.got(1)
        stopped(appliance)
        serve(**HERE)
        assert [call.task_id for call in receiver.got(2)] == [task_id] * 2
        held.set()


def test_two_processes_deliver_once(serve: Serve, redis_url: str, receiver: Receiver, tmp_path: Path) -> None:
    """Both serve, both send, and each end is told once."""
    (tmp_path / "other").mkdir()
    for appliance in (serve(**HERE), serve(**HERE, data_dir=tmp_path / "other")):
        for _ in range(15):
            submitted(appliance, receiver)
    told = end_all(redis_url)
    assert sorted(call.task_id for call in receiver.got(30)) == sorted(told)
    receiver.silent(0.5)


def test_a_task_that_is_deleted_is_not_told_of(serve: Serve, redis_url: str) -> None:
    """Neither when it never ended, nor when telling of its end failed before."""
    with receiving(Answer(500)) as receiver:
        appliance = serve(**HERE)
        with appliance.client() as client:
            ended = submitted(appliance, receiver)
            end_all(redis_url)
            receiver.got(1)
            for location in (ended, submitted(appliance, receiver)):
                assert client.delete(location).is_success
        assert end_all(redis_url) == []
        assert asyncio.run(left(redis_url)) == []
        receiver.silent(0.5)


async def left(redis_url: str) -> list[Any]:
    """The callbacks that are still to be sent."""
    async with TaskStore.open(redis_url) as store:
        return list(await store.redis.zrange("voiceprint:callbacks", 0, -1))


def test_dead_receivers_hold_up_no_other(serve: Serve, redis_url: str, receiver: Receiver) -> None:
    """Neither those that hang nor those that are not there."""
    with receiving() as absent:
        pass
    held = threading.Event()
    with receiving(Answer(held=held)) as hanging:
        appliance = serve(**HERE)
        for dead in (hanging, absent):
            for _ in range(20):
                submitted(appliance, dead)
        good = [submitted(appliance, receiver) for _ in range(5)]
        end_all(redis_url)
        assert sorted(call.body["location"] for call in receiver.got(5)) == sorted(good)
        hanging.got(4)
        held.set()


def test_a_process_that_was_killed_delivers_when_it_is_back(serve: Serve, redis_url: str, receiver: Receiver) -> None:
    """What it had not begun to send is due at once."""
    appliance = serve(**HERE)
    location = submitted(appliance, receiver)
    killed(appliance)
    end_all(redis_url)
    serve(**HERE)
    assert [call.body["location"] for call in receiver.got(1)] == [location]
