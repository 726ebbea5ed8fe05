"""What becomes of tasks: waited for, erased, abandoned; and who may do it."""

import asyncio
import contextlib
import io
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from appliance.access.api_key import Scope
from tests.conftest import RECORDINGS, Appliance
from tests.integration.clients.between import Between, Seen
from tests.integration.clients.conftest import Say, awaited, blocking
from tests.integration.clients.test_faults import PENDING, methods
from tests.made_keys import made_keys
from tests.patience import PATIENCE, eventually, until
from voiceprint_client import AsyncClient, Client, Outcome, Request, Task, ask, errors, tls

DEMO = RECORDINGS / "demo.flac"


def gone(appliance: Appliance, task: Task[Any]) -> bool:
    return httpx.get(appliance.url + task.path).status_code == 404


def made(between: Between) -> list[Task[Any]]:
    """The tasks that were made through it."""
    answers = [seen.answer.json() for seen in between.seen if seen.method == "POST" and seen.answer]
    return [Task(ask.EXTRACTION, answer["task"]["task_id"]) for answer in answers]


def endless(between: Between) -> None:
    """Every task that is polled through it is pending for ever."""
    between.always = lambda seen: PENDING if seen.method == "GET" else "pass"


def test_a_task_is_waited_for_and_erased(say: Say, appliance: Appliance) -> None:
    """It may be read as often as wanted, also by one that only knows its id, until it is erased."""
    task = say(appliance.url, "submit", ask.extract(DEMO))
    again = Task(ask.EXTRACTION, task.task_id)
    assert say(appliance.url, "wait", task) == say(appliance.url, "wait", again, within=60)
    assert say(appliance.url, "erase", again) is True
    assert say(appliance.url, "erase", again) is False
    with pytest.raises(errors.NotFound):
        say(appliance.url, "wait", task)


@pytest.mark.parametrize(("erase", "left"), [("never", True), ("abandoned", True), ("always", False)])
def test_what_was_read_is_erased_when_wanted(
    say: Say, appliance: Appliance, between: Between, erase: str, left: bool
) -> None:
    """Only with `always` a task goes as soon as its result has come, or its error."""
    say(between.url, "extract", DEMO, options={"erase": erase})
    with pytest.raises(errors.TaskRejected):
        say(between.url, "extract", b"noise", options={"erase": erase})
    assert [gone(appliance, task) for task in made(between)] == [not left] * 2


@pytest.mark.parametrize("erase", ["never", "abandoned"])
async def test_a_cancelled_call_erases_its_task(appliance: Appliance, between: Between, erase: str) -> None:
    """A cancelled coroutine takes its task with it, unless tasks are never to be erased."""
    endless(between)
    async with AsyncClient(between.url, erase=erase) as client:  # type: ignore[arg-type]
        call = asyncio.create_task(client.extract(DEMO))
        await eventually(lambda: "GET" in methods(between))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    (task,) = made(between)
    assert gone(appliance, task) == (erase == "abandoned")


async def test_a_call_cancelled_before_its_task_has_a_name_erases_it(appliance: Appliance, between: Between) -> None:
    """When all has been sent, the answer is waited for, and what it names is erased."""
    arrived, answered = threading.Event(), threading.Event()

    def held(seen: Seen) -> str:
        if seen.method == "POST":
            arrived.set()
            answered.wait(PATIENCE)
        return "pass"

    between.always = held
    async with AsyncClient(between.url) as client:
        call = asyncio.create_task(client.extract(DEMO))
        await eventually(arrived.is_set)
        call.cancel()
        await asyncio.sleep(0)
        answered.set()
        with pytest.raises(asyncio.CancelledError):
            await call
    (task,) = made(between)
    assert gone(appliance, task)


async def test_an_upload_that_is_cancelled_makes_no_task(between: Between) -> None:
    """What had not been sent whole is not waited for."""
    reading, cancelled = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            reading.set()
            cancelled.wait(PATIENCE)
            return super().read(size)

    async with AsyncClient(between.url) as client:
        call = asyncio.create_task(client.extract(Slow(b"audio")))
        await eventually(reading.is_set)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        cancelled.set()
    assert made(between) == []


async def test_a_deadline_of_asyncio_erases_the_task(appliance: Appliance, between: Between) -> None:
    """`asyncio.timeout` is as good as any other cancellation."""
    endless(between)
    async with AsyncClient(between.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.extract(DEMO)
    assert all(gone(appliance, task) for task in made(between))


def test_an_interrupted_call_erases_its_task(
    appliance: Appliance, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a task is waited for leaves nothing behind."""
    endless(between)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    with Client(between.url) as client, pytest.raises(KeyboardInterrupt):
        client.extract(DEMO)
    (task,) = made(between)
    assert gone(appliance, task)


RECORDINGS_OF_MANY = [DEMO, RECORDINGS / "none.flac", RECORDINGS / "golden.py", RECORDINGS / "mpeg.mp3"]


def fates(outcomes: list[Outcome[Any]]) -> dict[str, str]:
    return {outcome.request.source.name: type(outcome.error or outcome.value()).__name__ for outcome in outcomes}


EXPECTED = {
    "demo.flac": "Extraction",
    "none.flac": "FileNotFoundError",
    "golden.py": "TaskRejected",
    "mpeg.mp3": "Extraction",
}


def test_many_are_extracted_in_threads(appliance: Appliance) -> None:
    """Each request has its outcome: a result or its error, and a number of its own."""
    with Client(appliance.url) as client:
        outcomes = list(client.each(map(ask.extract, RECORDINGS_OF_MANY), at_once=2))
    assert fates(outcomes) == EXPECTED
    assert sorted(outcome.number for outcome in outcomes) == [0, 1, 2, 3]


async def test_many_are_extracted_in_a_loop(appliance: Appliance) -> None:
    """The same with asyncio."""
    async with AsyncClient(appliance.url) as client:
        outcomes = [one async for one in client.each(map(ask.extract, RECORDINGS_OF_MANY), at_once=2)]
    assert fates(outcomes) == EXPECTED


async def test_no_more_run_than_are_wanted(appliance: Appliance) -> None:
    """The next request is made when there is a place for it, in both clients."""

    def requests(made: list[int]) -> Iterator[Request[Any]]:
        for number in range(6):
            made.append(number)
            yield ask.voice_activity(DEMO)

    taken: list[int] = []
    async with AsyncClient(appliance.url) as client:
        ended = 0
        async for _ in client.each(requests(taken), at_once=2):
            ended += 1
            assert len(taken) <= ended + 1
    taken = []
    with Client(appliance.url) as other:
        for ended, _ in enumerate(other.each(requests(taken), at_once=1), 1):
            assert len(taken) == ended
        with pytest.raises(ValueError, match="at least 1"):
            list(other.each([], at_once=0))


def test_a_loop_that_is_left_abandons_what_runs(appliance: Appliance, between: Between) -> None:
    """Threads end, and their tasks are erased."""
    endless(between)
    with Client(between.url) as client:
        for outcome in client.each([ask.extract(RECORDINGS / "none.flac"), ask.extract(DEMO), ask.extract(DEMO)]):
            assert isinstance(outcome.error, FileNotFoundError)
            until(lambda: methods(between).count("GET") > 1 and len(made(between)) == 2)
            break
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("voiceprint")]
    assert [gone(appliance, task) for task in made(between)] == [True, True]


async def test_a_coroutine_that_is_left_abandons_what_runs(appliance: Appliance, between: Between) -> None:
    """Closing the iterator cancels the others, which erase their tasks."""
    endless(between)
    async with AsyncClient(between.url) as client:
        requests = [ask.extract(RECORDINGS / "none.flac"), ask.extract(DEMO), ask.extract(DEMO)]
        async with contextlib.aclosing(client.each(requests)) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome.error, FileNotFoundError)
                await eventually(lambda: methods(between).count("GET") > 1 and len(made(between)) == 2)
                break
    assert [gone(appliance, task) for task in made(between)] == [True, True]


def test_keys_open_and_close(start_appliance: Callable[..., Appliance], tmp_path: Path) -> None:
    """Without a key a call is Unauthorized, with one that is for less Forbidden, and a rate is kept to; abandoning a
    task needs no more rights."""
    (tmp_path / "data").mkdir()
    (full,) = made_keys(tmp_path / "data", "full")
    (weak,) = made_keys(tmp_path / "data", "weak", scopes=(Scope.SUBMIT, Scope.READ))
    slow = made_keys(tmp_path / "data", "slow", "slower", rate_limit=1)
    url = start_appliance().url
    for say, once in zip((blocking, awaited), slow, strict=True):
        assert say(url, "extract", DEMO, options={"api_key": full})
        with pytest.raises(errors.Unauthorized):
            say(url, "extract", DEMO)
        with pytest.raises(errors.Forbidden):
            say(url, "status", options={"api_key": weak})
        with pytest.raises(errors.TaskUnfinished):
            say(url, "extract", DEMO, options={"api_key": weak, "within": 0})
        with pytest.raises(errors.Forbidden):
            say(url, "extract", DEMO, options={"api_key": weak, "erase": "always"})
        assert say(url, "submit", ask.extract(DEMO), options={"api_key": once})
        with pytest.raises(errors.RateLimited) as limited:
            say(url, "submit", ask.extract(DEMO), options={"api_key": once, "patience": 1})
        assert limited.value.retry_after


def test_certificates_are_shown_and_asked_for(start_appliance: Callable[..., Appliance], tmp_path: Path) -> None:
    """An authority of one's own is trusted when named, and only then; a client shows its certificate."""
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("desk.example")
    written = {
        "authority": authority.cert_pem,
        "server": server.cert_chain_pems[0],
        "server.key": server.private_key_pem,
        "me": client.cert_chain_pems[0],
        "me.key": client.private_key_pem,
    }
    paths = {name: tmp_path / name for name in written}
    for name, blob in written.items():
        paths[name].write_bytes(blob.bytes())
        paths[name].chmod(0o600)
    url = start_appliance(
        http_tls_certificate=paths["server"],
        http_tls_key=paths["server.key"],
        tls_client_authorities=paths["authority"],
    ).url
    known = tls(authority=paths["authority"], certificate=paths["me"], key=paths["me.key"])
    for say in (blocking, awaited):
        assert say(url, "extract", DEMO, options={"tls": known})
        with pytest.raises(errors.NoAnswer, match="not trusted"):
            say(url, "info")
        with pytest.raises(errors.NoAnswer):
            say(url, "info", options={"tls": tls(authority=paths["authority"]), "patience": 0})
    with pytest.raises(ssl.SSLError):
        tls(certificate=paths["me.key"])
