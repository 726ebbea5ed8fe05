"""The appliance whole: whoever asks to be told of a task's end is told, and can be sure who told it."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from appliance.settings import Settings
from appliance.webhooks.backoff import DELAYS
from schemas.voiceprint import encode, to_base64
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, running
from tests.patience import until
from tests.unit.appliance.webhooks.receiver import Answer, Call, Receiver, receiving
from tests.unit.schemas.sample_voiceprints import voiceprint

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of the tests
DOCUMENT = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
GOOD = to_base64(encode(voiceprint()))
Verified = Callable[[Any, bytes, str], bool]


@pytest.fixture(scope="module")
def calling(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance that may call this machine."""
    settings = {
        "http_port": 0,
        "data_dir": tmp_path_factory.mktemp("webhooks"),
        "models_dir": models_dir,
        "workers": 1,
        "webhook_secret": SECRET,
        "webhook_networks": "127.0.0.0/8",
    }
    with running(Settings.model_validate(settings)) as started:
        yield started


@pytest.fixture
def client(calling: Appliance) -> Iterator[httpx.Client]:
    with calling.client() as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture(scope="module")
def verified() -> Verified:
    """What the document gives to its readers."""
    (example,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102  # our own document
    function: Verified = names["verified"]
    return function


def told(client: httpx.Client, receiver: Receiver, answer: httpx.Response) -> Call:
    """The one call of the task that was taken with `answer`."""
    assert answer.status_code == 202, answer.text
    (call,) = receiver.got(1)
    assert call.task_id == call.body["task"]["task_id"] == answer.json()["task"]["task_id"]
    assert call.body["location"] == answer.headers["Location"]
    assert client.get(call.body["location"]).json()["task"] == call.body["task"]
    return call


def test_a_task_that_is_done(client: httpx.Client, receiver: Receiver) -> None:
    """A JSON body names the receiver; it learns where the result is, and not the result."""
    answer = client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": f"{receiver.url}/ended?call=17"})
    call = told(client, receiver, answer)
    assert call.path == "/ended?call=17"
    assert call.body == {
        "task": {"task_id": answer.json()["task"]["task_id"], "state": "done"},
        "technology": "speaker-identification-voiceprint-conversion",
        "location": answer.headers["Location"],
    }


def test_a_task_that_is_rejected(client: httpx.Client, receiver: Receiver) -> None:
    """What is wrong with its input comes with it, as in the poll."""
    answer = client.post(EXTRACTION, files={"file": b"no recording"}, params={"callback_url": receiver.url})
    call = told(client, receiver, answer)
    assert call.body["task"]["state"] == "rejected"
    assert call.body["error"] == client.get(call.body["location"]).json()["error"]


@pytest.mark.parametrize("place", ["query", "config"])
def test_a_recording_and_its_receiver(client: httpx.Client, receiver: Receiver, place: str) -> None:
    """The address stands in the query string or in the config."""
    url = f"{receiver.url}/{place}?a=1&b=%20"
    recording = (RECORDINGS / "demo.flac").read_bytes()
    if place == "query":
        answer = client.post(f"{EXTRACTION}?callback_url={quote(url, safe='')}", files={"file": recording})
    else:
        config = (None, f'{{"callback_url": "{url}"}}'.encode())
        answer = client.post(EXTRACTION, files={"file": recording, "config": config})
    call = told(client, receiver, answer)
    assert (call.path, call.body["task"]["state"]) == (f"/{place}?a=1&b=%20", "done")


def test_the_query_wins(client: httpx.Client, receiver: Receiver) -> None:
    """Over the body, as with every parameter."""
    body = {"voiceprints": [GOOD], "callback_url": f"{receiver.url}/body"}
    call = told(client, receiver, client.post(CONVERSION, json=body, params={"callback_url": f"{receiver.url}/query"}))
    assert call.path == "/query"


def test_what_arrives_can_be_verified(client: httpx.Client, receiver: Receiver, verified: Verified) -> None:
    """By the document's own example; neither another secret, nor another body, nor another time passes."""
    call = told(client, receiver, client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": receiver.url}))
    headers = httpx.Headers(dict(call.headers))
    assert verified(headers, call.content, SECRET)
    assert not verified(headers, call.content, SECRET.replace("M", "N"))
    assert not verified(headers, call.content, "another-secret-word")
    assert not verified(headers, call.content + b" ", SECRET)
    for name, value in [
        ("webhook-id", "another"),
        ("webhook-timestamp", str(int(call.headers["webhook-timestamp"]) + 1)),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "²"),
        ("webhook-timestamp", "9" * 5000),
        ("webhook-signature", ""),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", call.headers["webhook-signature"].removeprefix("v1,")),
        ("webhook-signature", "v1,ü"),
    ]:
        assert not verified({**headers, name: value}, call.content, SECRET), (name, value)
    several = f"v1a,AAAA {call.headers['webhook-signature']} v1,AAAA"
    assert verified({**headers, "webhook-signature": several}, call.content, SECRET)


def test_an_old_message_is_not_verified(
    client: httpx.Client, receiver: Receiver, verified: Verified, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five minutes, in both directions."""
    call = told(client, receiver, client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": receiver.url}))
    now = time.time()
    for later, valid in [(290, True), (310, False), (-290, True), (-310, False)]:
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert verified(call.headers, call.content, SECRET) is valid


def test_a_request_that_is_repeated_is_told_of_once(client: httpx.Client, receiver: Receiver) -> None:
    """One task, one end."""
    body = {"voiceprints": [GOOD], "callback_url": receiver.url}
    first, second = (client.post(CONVERSION, json=body, headers={"Idempotency-Key": "a"}) for _ in range(2))
    assert first.json()["task"]["task_id"] == second.json()["task"]["task_id"]
    told(client, receiver, first)
    receiver.silent()


def test_a_failure_is_repeated(client: httpx.Client) -> None:
    """The appliance's own first delay is about five seconds."""
    with receiving(lambda _, before: Answer(204 if before else 503)) as receiver:
        answer = client.post(CONVERSION, json={"voiceprints": [GOOD], "callback_url": receiver.url})
        first, second = receiver.got(2)
        assert first.task_id == second.task_id == answer.json()["task"]["task_id"]
        assert first.content == second.content


def test_the_log_tells_neither_address_nor_secret(client: httpx.Client, receiver: Receiver, calling: Appliance) -> None:
    """What only the receiver should know may stand in its address."""
    url = f"{receiver.url}/hidden?token=hidden"
    call = told(client, receiver, client.post(CONVERSION, json={"voiceprints": [GOOD]}, params={"callback_url": url}))
    line = f"task {call.task_id}: its end was told, attempt 1: status 204"
    until(lambda: line in logged(calling), lambda: logged(calling))
    log = logged(calling)
    assert "hidden" not in log
    assert SECRET not in log


def logged(appliance: Appliance) -> str:
    return (appliance.data_dir / "up.log").read_text()


def test_the_documents_delays() -> None:
    """The table of delays is that of the code."""
    rows = re.findall(r"^\| (\d)(?: and more)? \| (\d+) (s|min|h) \|$", DOCUMENT, re.MULTILINE)
    seconds = {"s": 1, "min": 60, "h": 3600}
    assert [int(number) * seconds[unit] for _, number, unit in rows] == list(DELAYS)
    assert [int(failures) for failures, *_ in rows] == list(range(1, len(DELAYS) + 1))
