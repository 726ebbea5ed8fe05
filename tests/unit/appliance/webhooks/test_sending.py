"""One attempt to send a callback, to receivers that behave and to those that do not."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from appliance.webhooks.admission import admitted
from appliance.webhooks.sending import Outcome, Sender
from appliance.webhooks.signing import signed
from schemas.task import TaskState
from tasks.record import Callback, TaskRecord
from tests.patience import PATIENCE
from tests.unit.appliance.webhooks.receiver import Answer, Receiver, receiving

KEY = b"a key of sixteen bytes"
TASK_ID = "5d1f0b1e-7c0e-4b3f-9a3c-2d7f5c1b0a99"
LOCATION = f"http://here/api/technology/a-technology/{TASK_ID}"
DONE = TaskRecord(TASK_ID, "a-technology", 1, state=TaskState.DONE, result_bytes=10, result_sha256=bytes(32))


async def sent(
    url: str, *addresses: str, record: TaskRecord = DONE, answer_seconds: float = PATIENCE, **options: Any
) -> Outcome:
    sender = Sender(KEY, answer_seconds=answer_seconds, **options)
    return await sender.send(record, Callback(url, addresses or ("127.0.0.1",), LOCATION))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


async def test_what_is_sent(receiver: Receiver) -> None:
    """How the task ended and where its result is, signed, and no more."""
    before = int(time.time())
    assert await sent(f"{receiver.url}/ended?of=a%2Fb+c&x='") == Outcome("status 204", settled=True)
    (call,) = receiver.calls
    assert call.path == "/ended?of=a%2Fb+c&x='"
    assert call.body == {
        "task": {"task_id": TASK_ID, "state": "done"},
        "technology": "a-technology",
        "location": LOCATION,
    }
    stamp = int(call.headers["webhook-timestamp"])
    assert before <= stamp <= time.time()
    expected = signed(KEY, TASK_ID, stamp, call.content)
    assert {name: call.headers[name] for name in expected} == expected
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["User-Agent"] == "voiceprint"
    assert set(call.headers) == {
        *("Host", "Accept", "Accept-Encoding", "User-Agent", "Content-Type", "Content-Length", "Connection"),
        *expected,
    }


async def test_an_error_is_sent_with_its_task(receiver: Receiver) -> None:
    """What stands in the record of a task that was rejected or failed."""
    error = {"type": "task.validation-error", "message": "no", "detail": []}
    await sent(receiver.url, record=DONE.refused(TaskState.REJECTED, error))
    assert receiver.calls[0].body["task"]["state"] == "rejected"
    assert receiver.calls[0].body["error"] == error


async def test_a_large_error_is_left_to_be_fetched(receiver: Receiver) -> None:
    """It is in a file of its own, as a result is."""
    await sent(receiver.url, record=DONE.refused(TaskState.FAILED, None, (9999, bytes(32))))
    assert set(receiver.calls[0].body) == {"task", "technology", "location"}


async def test_every_attempt_has_a_time_of_its_own(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id stays, so that receivers can tell a repetition; the time and so the signature do not."""
    for now in (1000.0, 2000.9):
        monkeypatch.setattr("appliance.webhooks.sending.time.time", lambda now=now: now)
        await sent(receiver.url)
    first, second = receiver.calls
    assert first.task_id == second.task_id == TASK_ID
    assert (first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]) == ("1000", "2000")
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "settled"),
    [(200, True), (202, True), (299, True), (410, True), (300, False), (404, False), (429, False), (500, False)],
)
async def test_which_answers_settle_it(status: int, settled: bool) -> None:
    """Success, and a receiver that is gone for good; everything else is tried again."""
    with receiving(Answer(status)) as receiver:
        assert await sent(receiver.url) == Outcome(f"status {status}", settled)


async def test_a_receiver_may_ask_for_time() -> None:
    """`Retry-After` is passed on."""
    with receiving(Answer(503, {"Retry-After": "77"})) as receiver:
        assert (await sent(receiver.url)).asked == 77.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """Where they lead nobody has checked: they are failures."""
    with receiving(Answer(status, {"Location": f"{receiver.url}/"})) as moved:
        assert await sent(moved.url) == Outcome(f"status {status}")
        assert len(moved.calls) == 1
    assert receiver.calls == []


async def test_nothing_but_the_admitted_addresses_is_called(receiver: Receiver) -> None:
    """A name is never looked up again: one that no name server knows is called where it was, and by its name."""
    port = receiver.url.rpartition(":")[2]
    assert (await sent(f"http://no-such-host.invalid:{port}/")).settled
    assert receiver.calls[0].headers["Host"] == f"no-such-host.invalid:{port}"
    # Were it looked up, it would be the receiver.
    assert not (await sent(f"http://localhost:{port}/", "127.0.0.2")).settled
    assert len(receiver.calls) == 1


async def test_a_name_that_leads_elsewhere_later(receiver: Receiver) -> None:
    """It is looked up once, when the task is submitted; what it says afterwards nobody asks."""

    async def resolve(_: str, __: int) -> tuple[str, ...]:
        return answers.pop()

    answers = [("127.0.0.2",), ("127.0.0.1",)]
    url = receiver.url.replace("127.0.0.1", "rebound.example")
    addresses = await admitted(url, ("127.0.0.0/8",), resolve)
    for _ in range(2):
        assert (await sent(url, *addresses)).settled
    assert answers == [("127.0.0.2",)]


async def test_another_of_its_addresses_is_called(receiver: Receiver) -> None:
    """As long as one of them answers."""
    port = receiver.url.rpartition(":")[2]
    assert (await sent(f"http://a.name:{port}/", "::1", "127.0.0.2", "127.0.0.1")).settled


async def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would resolve the name themselves."""
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await sent(receiver.url)).settled
        assert proxy.calls == []
    assert len(receiver.calls) == 1


async def test_cookies_are_not_kept() -> None:
    """What one answer sets no later call carries."""
    with receiving(Answer(200, {"Set-Cookie": "who=you"})) as receiver:
        sender = Sender(KEY)
        for _ in range(2):
            await sender.send(DONE, Callback(receiver.url, ("127.0.0.1",), LOCATION))
        assert all("Cookie" not in call.headers for call in receiver.calls)


async def test_a_receiver_that_hangs() -> None:
    """It is given up for this time when its time is over."""
    with receiving(Answer(held=(held := threading.Event()))) as receiver:
        assert await sent(receiver.url, answer_seconds=0.2) == Outcome("no answer in time")
        held.set()


async def test_a_stop_ends_what_is_under_way() -> None:
    """It does not wait for a receiver."""
    with receiving(Answer(held=(held := threading.Event()))) as receiver:
        sender = Sender(KEY, answer_seconds=10 * PATIENCE)
        sending = asyncio.create_task(sender.send(DONE, Callback(receiver.url, ("127.0.0.1",), LOCATION)))
        await asyncio.to_thread(receiver.got, 1)
        sender.stop()
        assert await sending == Outcome("no answer in time")
        held.set()


async def test_receivers_that_are_none(receiver: Receiver) -> None:
    """Nobody there, someone who hangs up, and something that is not HTTP: failures, whatever they are."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    assert not (await sent(f"http://127.0.0.1:{port}/")).settled
    with receiving(Answer(0)) as silent:
        assert not (await sent(silent.url)).settled

    async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"SSH-2.0-dropbear\r\n" * 1000)
        writer.close()

    async with await asyncio.start_server(noise, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert not (await sent(f"http://127.0.0.1:{port}/")).settled
    assert not (await sent(receiver.url.replace("http:", "https:"))).settled


async def test_an_answer_without_end_is_not_read() -> None:
    """Its status is all that counts."""

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                await writer.drain()
        except ConnectionError:
            closed.set()

    closed = asyncio.Event()
    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await sent(f"http://127.0.0.1:{port}/")).settled
        async with asyncio.timeout(PATIENCE):
            await closed.wait()


@pytest.mark.parametrize("head", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
async def test_an_answer_that_never_begins_is_not_read(head: bytes) -> None:
    """HTTP allows heads without number before the one that counts: the connection is cut after a few kilobytes."""

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(head * 1000)
                await writer.drain()
        except ConnectionError:
            closed.set()

    closed = asyncio.Event()
    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await sent(f"http://127.0.0.1:{port}/")
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
    assert not outcome.settled
    assert outcome.told != "no answer in time"


async def test_an_answer_after_others_counts() -> None:
    """A few heads before it are as HTTP has them, and so is a body of whatever length behind it."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + head + bytes(1_000_000))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await sent(f"http://127.0.0.1:{port}/") == Outcome("status 200", settled=True)


@pytest.mark.parametrize(("name", "settled"), [("receiver.example", True), ("someone.else", False)])
async def test_the_certificate_is_that_of_the_name(name: str, settled: bool) -> None:
    """The address is pinned, the name is what must be proved."""
    authority = trustme.CA()
    here, there = (
        ssl.create_default_context(purpose) for purpose in (ssl.Purpose.SERVER_AUTH, ssl.Purpose.CLIENT_AUTH)
    )
    authority.configure_trust(here)
    authority.issue_cert(name).configure_cert(there)
    with receiving(tls=there) as receiver:
        port = receiver.url.rpartition(":")[2]
        outcome = await sent(f"https://receiver.example:{port}/", trust=here)
        assert outcome.settled is settled
        assert len(receiver.calls) == settled


async def test_an_unknown_authority_is_not_trusted() -> None:
    """Nothing is sent to a receiver whose certificate nobody vouches for."""
    there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("receiver.example").configure_cert(there)
    with receiving(tls=there) as receiver:
        port = receiver.url.rpartition(":")[2]
        assert not (await sent(f"https://receiver.example:{port}/")).settled
        assert receiver.calls == []
