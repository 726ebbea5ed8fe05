"""DELETE on a task: whatever its state, nothing of it is left, and the workers go on."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.conftest import API, CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused
from tests.patience import until

Start = Callable[..., Appliance]


@pytest.fixture(scope="module")
def hour() -> bytes:
    """An hour of noise, of which a worker has to hear every second."""
    samples = np.random.default_rng(1).normal(0, 0.05, 8000 * 3600).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="ULAW")
    return buffer.getvalue()


@pytest.fixture
def own(start_appliance: Start) -> Iterator[tuple[httpx.Client, Path]]:
    """A client of an appliance with one worker, and its store folder."""
    appliance = start_appliance()
    with appliance.client() as client:
        yield client, appliance.data_dir / "store"
    assert "Traceback" not in (appliance.data_dir / "up.log").read_text()


def files(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file()]


def until_gone(store: Path) -> None:
    until(lambda: not files(store), lambda: files(store))


def submitted(client: httpx.Client, content: bytes | None = None) -> str:
    recording = (RECORDINGS / "demo.flac").read_bytes() if content is None else content
    answer = client.post(EXTRACTION, files={"file": recording})
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def assert_gone(client: httpx.Client, location: str) -> None:
    """For a poll, one that waits and a second DELETE there is no such task."""
    assert_refused(client.get(location), 404, "resource.not-found")
    assert_refused(client.get(location, params={"wait": 60}), 404, "resource.not-found")
    assert_refused(client.delete(location), 404, "resource.not-found")


def take_back(client: httpx.Client, location: str) -> None:
    answer = client.delete(location)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Request-Id"]
    assert "Content-Type" not in answer.headers
    assert_gone(client, location)


@pytest.mark.parametrize("state", ["done", "rejected"])
def test_a_task_that_has_ended(own: tuple[httpx.Client, Path], state: str) -> None:
    """Its result goes with it."""
    client, store = own
    location = submitted(client, None if state == "done" else b"this is text")
    assert ended(client, location)["task"]["state"] == state  # type: ignore[index]
    take_back(client, location)
    until_gone(store)


def test_a_long_error_goes_as_well(own: tuple[httpx.Client, Path]) -> None:
    """What a rejected task has to say may be a file too."""
    client, store = own
    location = client.post(CONVERSION, json={"voiceprints": ["AAAA"] * 1000}).headers["Location"]
    assert ended(client, location)["task"]["state"] == "rejected"  # type: ignore[index]
    assert files(store / "results")
    take_back(client, location)
    until_gone(store)


def test_a_running_task_and_one_that_waits(own: tuple[httpx.Client, Path], hour: bytes) -> None:
    """The worker drops the one and never sees the other; the next task is done long before they could have been."""
    client, store = own
    running, waiting = submitted(client, hour), submitted(client, hour)
    until(lambda: client.get(running).json()["task"]["state"] == "running")
    take_back(client, waiting)
    take_back(client, running)
    location = submitted(client)
    assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
    assert client.get("/api/system/status").json()["storage"]["input_bytes"] == 0
    take_back(client, location)
    until_gone(store)


def test_at_any_moment(own: tuple[httpx.Client, Path]) -> None:
    """Forty recordings that are taken back a little later each, on both sides of their ends, leave nothing."""
    client, store = own
    for number in range(40):
        location = submitted(client)
        time.sleep(number * 0.01)
        take_back(client, location)
    until_gone(store)
    location = submitted(client)
    assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
    assert client.get("/api/system/status").json()["tasks"] == {"waiting": 0, "running": 0, "limit": 100_000}


def test_what_is_not_there_cannot_be_taken_back(client: httpx.Client) -> None:
    """An unknown id, one that is none, and one of another technology are not found, and nothing happens to the task."""
    location = client.post(CONVERSION, json={"voiceprints": [GOOD]}).headers["Location"]
    task_id = location.rpartition("/")[2]
    for path in (
        f"{EXTRACTION}/{task_id}",
        f"{API}/telepathy/{task_id}",
        f"{CONVERSION}/{'0' * 32}",
        f"{CONVERSION}/x",
    ):
        assert_refused(client.delete(path), 404, "resource.not-found")
    assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
    assert client.delete(f"{CONVERSION}/{task_id.upper()}").status_code == 204
