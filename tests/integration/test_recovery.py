"""Whatever dies while a task runs, the task ends as if nothing had happened: once, with the same voiceprint."""

import asyncio
import io
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from schemas.voiceprint import Voiceprint, decode, encode, from_base64, to_base64
from tasks.store import TaskStore
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.patience import PATIENCE, eventually, until

Start = Callable[..., Appliance]
MINUTES = 8


@pytest.fixture(scope="module")
def recording() -> bytes:
    """A call that lasts long enough to be interrupted: speech and pauses, 8 minutes, FLAC."""
    samples, rate = soundfile.read(RECORDINGS / "call.flac", dtype="int16", always_2d=True)
    mono = np.tile(samples[:, 0], 1 + MINUTES * 60 * rate // len(samples))
    buffer = io.BytesIO()
    soundfile.write(buffer, mono, rate, format="FLAC")
    return buffer.getvalue()


def submitted(client: httpx.Client, recording: bytes) -> str:
    answer = client.post(EXTRACTION, files={"file": recording})
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"].removeprefix(str(client.base_url).rstrip("/"))


def reached(client: httpx.Client, location: str, state: str) -> None:
    """Returns when the task is in `state`."""

    def is_so() -> bool:
        now = client.get(location).json()["task"]["state"]
        assert now in {"pending", "running", state}, "the recording is too short to be caught while it runs"
        return now == state

    until(is_so)


def running(client: httpx.Client, recording: bytes) -> str:
    """The location of a task that a worker is working on right now."""
    location = submitted(client, recording)
    reached(client, location, "running")
    return location


def done(client: httpx.Client, location: str) -> Voiceprint:
    body: dict[str, Any] = ended(client, location)
    assert body["task"]["state"] == "done", body
    (channel,) = body["result"]["channels"]
    return decode(from_base64(channel["voiceprint"]))


def equal(one: Voiceprint, other: Voiceprint) -> bool:
    """Whether two runs gave the same bytes, but for when they were asked for."""
    return encode(replace(one, created_ms=0)) == encode(replace(other, created_ms=0))


def children(parent: int, mark: str) -> list[int]:
    """The processes that `parent` has started and that have `mark` in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if int(fields[1]) == parent and mark in words:
            found.append(int(folder.name))
    return found


def kill(appliance: Appliance, mark: str) -> int:
    """Kills the one process with `mark`, as soon as there is one."""
    (pid,) = until(lambda: children(appliance.process.pid, mark))
    os.kill(pid, signal.SIGKILL)
    return pid


def owner(appliance: Appliance, location: str, but: str = "") -> str:
    """The name of the worker that has the task, once that is not `but`."""

    async def look(store: TaskStore) -> str:
        record = await store.fetch(location.rpartition("/")[2])
        assert record
        assert not record.state.terminal
        return "" if record.worker == but else record.worker

    async def found() -> str:
        async with TaskStore.open(f"unix://{appliance.data_dir}/redis/redis.sock") as store:
            return str(await eventually(lambda: look(store)))

    return asyncio.run(found())


def stored(appliance: Appliance, folder: str) -> list[str]:
    return os.listdir(appliance.data_dir / "store" / folder)  # noqa: PTH208  # names are all that is compared


def media_is_gone(appliance: Appliance, *locations: str) -> None:
    """Returns once no upload of these tasks is there; a worker erases it just after it has said that it is done."""
    ended_tasks = {path.rpartition("/")[2] for path in locations}
    until(lambda: not ended_tasks & set(stored(appliance, "inputs")), lambda: stored(appliance, "inputs"))


@pytest.fixture(scope="module")
def undisturbed(recording: bytes, models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Voiceprint:
    """What the recording's voiceprint is when nothing happens, extracted in process."""
    from onnx_models import open_model

    path = tmp_path_factory.mktemp("undisturbed") / "recording"
    path.write_bytes(recording)
    (voiceprint,) = open_model("ge2e", models_dir=models_dir).extract(path)
    return voiceprint


def test_a_killed_worker_changes_nothing(start_appliance: Start, recording: bytes, undisturbed: Voiceprint) -> None:
    """After kill -9 of its worker the task is done with the voiceprint of an undisturbed run, and its media is gone."""
    appliance = start_appliance()
    with appliance.client() as client:
        location = running(client, recording)
        kill(appliance, f" worker --name {owner(appliance, location)}")
        assert equal(done(client, location), undisturbed)
    media_is_gone(appliance, location)
    assert len(stored(appliance, "results")) == 1


def test_two_killed_workers_are_enough(start_appliance: Start, recording: bytes) -> None:
    """A task in whose hands two workers have died ends as failed, its media goes, and the next task works."""
    appliance = start_appliance()
    with appliance.client() as client:
        location = running(client, recording)
        first = owner(appliance, location)
        kill(appliance, f" worker --name {first}")
        kill(appliance, f" worker --name {owner(appliance, location, but=first)}")
        body: dict[str, Any] = ended(client, location)
        assert (body["task"]["state"], body["error"]["type"]) == ("failed", "internal")
        assert "2 workers died" in body["error"]["message"]
        media_is_gone(appliance, location)
        next_one = submitted(client, (RECORDINGS / "call.flac").read_bytes())
        assert ended(client, next_one)["task"]["state"] == "done"  # type: ignore[index]


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, id="Ctrl-C", marks=pytest.mark.long), pytest.param(signal.SIGKILL, id="killed")],
)
def test_the_next_start_finishes(
    start_appliance: Start, recording: bytes, undisturbed: Voiceprint, number: signal.Signals
) -> None:
    """A task that ran at Ctrl-C, or when everything was killed, is done after the next start on the same folder."""
    appliance = start_appliance()
    with appliance.client() as client:
        location = running(client, recording)
    appliance.process.send_signal(number)
    appliance.process.wait(PATIENCE)
    assert len(stored(appliance, "inputs")) == 1
    assert stored(appliance, "results") == []
    again = start_appliance()
    with again.client() as client:
        assert equal(done(client, location), undisturbed)
    media_is_gone(again, location)


@pytest.mark.long
def test_sigterm_drains(start_appliance: Start, recording: bytes, undisturbed: Voiceprint) -> None:
    """A task that ran at SIGTERM is finished before the end, and one that waited is done by the next start."""
    appliance = start_appliance()
    with appliance.client() as client:
        # Another as long: a short one would be worked on beside the first.
        location, waits = running(client, recording), submitted(client, recording)
    appliance.process.send_signal(signal.SIGTERM)
    assert appliance.process.wait(PATIENCE) == 0
    assert len(stored(appliance, "results")) == len(stored(appliance, "inputs")) == 1
    again = start_appliance()
    with again.client() as client:
        assert client.get(location).json()["task"]["state"] == "done"
        assert equal(done(client, location), undisturbed)
        assert ended(client, waits)["task"]["state"] == "done"  # type: ignore[index]


def test_a_killed_redis_loses_no_task(start_appliance: Start, recording: bytes, undisturbed: Voiceprint) -> None:
    """Every task that was acknowledged before or while Redis was killed twice is done in the end, once each."""
    appliance = start_appliance()
    with appliance.client() as client:
        voiceprints = {"voiceprints": [to_base64(encode(undisturbed))]}
        location, accepted = running(client, recording), []
        for number in range(60):
            if number in {20, 40}:
                kill(appliance, "-server")
            accepted.append(patiently(lambda: taken(client, voiceprints)))
        assert equal(patiently(lambda: done(client, location)), undisturbed)
        for one in accepted:
            assert patiently(lambda one=one: ended(client, one))["task"]["state"] == "done"  # type: ignore[misc]
    # A task that was answered with 503 may exist all the same, so only those that were acknowledged are counted.
    media_is_gone(appliance, *accepted, location)
    ids = [path.rpartition("/")[2] for path in (*accepted, location)]
    results = [name.partition(".")[0] for name in stored(appliance, "results")]
    assert [results.count(task_id) for task_id in ids] == [1] * len(ids)


def taken(client: httpx.Client, document: dict[str, list[str]]) -> str:
    answer = client.post(CONVERSION, json=document)
    assert answer.status_code == 202, answer.text
    return httpx.URL(answer.headers["Location"]).path


def patiently(ask: Callable[[], Any]) -> Any:
    """What `ask` answers once the appliance no longer says that its store is away."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except AssertionError as error:
            if "service.overloaded" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)
