"""The audit log of a running appliance: who has done what with which task, over REST and gRPC, and to its end."""

import fcntl
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1.speaker_identification_pb2 import ExtractRequest

from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused
from tests.integration.keyed import events, key_in, started, verified
from tests.patience import PATIENCE, until


@dataclass(frozen=True)
class Desk:
    """A caller with a key, at an appliance."""

    appliance: Appliance
    client: httpx.Client
    key: str

    @property
    def id(self) -> str:
        return self.key.split("_")[1]

    def of(self, task: str) -> list[dict[str, Any]]:
        return [event for event in events(self.appliance.data_dir) if event["which"].get("task") == task]


@pytest.fixture(scope="module")
def desk(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("audit") / "data"
    folder.mkdir()
    key = key_in(folder, "front desk")
    with (
        started(folder, models_dir, rate_limit=50, grpc_port=0) as appliance,
        appliance.client(headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        yield Desk(appliance, client, key)


def submitted(desk: Desk, **options: Any) -> tuple[str, str]:
    """The location and the id of a new task."""
    location = desk.client.post(CONVERSION, json={"voiceprints": [GOOD]}, **options).headers["Location"]
    return location, location.rpartition("/")[2]


def test_the_life_of_a_task(desk: Desk) -> None:
    """Submission, end, reading and erasing are a line each, with who and which, when the answer is there; no more."""
    recording = (RECORDINGS / "demo.flac").read_bytes()
    location = desk.client.post(EXTRACTION, files={"file": recording}).headers["Location"]
    task = location.rpartition("/")[2]
    ended(desk.client, location)
    for _ in range(3):
        desk.client.get(location)
    until(lambda: len(desk.of(task)) == 3)
    assert desk.client.delete(location).status_code == 204
    found = desk.of(task)
    # Nobody waits for the line of the end: the result may have been read before it is written.
    found[1:3] = sorted(found[1:3], key=lambda event: event["what"])
    assert [(event["what"], event["outcome"]) for event in found] == [
        ("task.submitted", "accepted"),
        ("task.ended", "done"),
        ("task.read", "delivered"),
        ("task.erased", "erased"),
    ]
    who = {"kind": "key", "id": desk.id, "name": "front desk", "address": "127.0.0.1"}
    assert [event["who"] == who for event in found] == [True, False, True, True]
    assert found[1]["who"]["name"].startswith("worker ")
    technology = "speaker-identification-voiceprint-extraction"
    assert found[0]["which"] == {"task": task, "technology": technology, "bytes": len(recording)}
    assert found[1]["which"]["bytes"] == found[2]["which"]["bytes"] > 0
    assert found[3]["which"] == {"task": task, "technology": technology}


def test_what_is_sent_once_more_is_told(desk: Desk) -> None:
    """As the task that it was before."""
    headers = {"Idempotency-Key": "one"}
    (_, task), (_, again) = submitted(desk, headers=headers), submitted(desk, headers=headers)
    assert again == task
    outcomes = [event["outcome"] for event in desk.of(task) if event["what"] == "task.submitted"]
    assert outcomes == ["accepted", "replayed"]


def test_what_is_sent_again_and_again_is_one_line(desk: Desk) -> None:
    """As it counts for no rate, it must not fill the log beyond it."""
    headers = {"Idempotency-Key": "many"}
    tasks = {submitted(desk, headers=headers)[1] for _ in range(40)}
    assert len(tasks) == 1
    found = [event for event in desk.of(tasks.pop()) if event["what"] == "task.submitted"]
    assert [(event["outcome"], "times" in event) for event in found] == [("accepted", False), ("replayed", False)]


def test_a_task_that_is_rejected(desk: Desk) -> None:
    """The type of its error is told, and its text is not."""
    location = desk.client.post(CONVERSION, json={"voiceprints": ["AAAA"]}).headers["Location"]
    ended(desk.client, location)
    task = location.rpartition("/")[2]
    until(lambda: len(desk.of(task)) == 2)
    event = desk.of(task)[1]
    assert (event["outcome"], event["which"]["error"]) == ("rejected", "task.validation-error")
    assert set(event["which"]) == {"task", "technology", "attempt", "bytes", "error"}


def test_nothing_is_told_of_what_did_not_happen(desk: Desk) -> None:
    """A poll of a task that has not ended or is unknown, a request that is not valid, a second DELETE."""
    before = len(events(desk.appliance.data_dir, "task.submitted"))
    assert desk.client.post(CONVERSION, json={}).status_code == 422
    location, task = submitted(desk)
    ended(desk.client, location)
    assert desk.client.delete(location).status_code == 204
    assert desk.client.delete(location).status_code == 404
    assert desk.client.get(location).status_code == 404
    assert len(events(desk.appliance.data_dir, "task.submitted")) == before + 1
    assert len([event for event in desk.of(task) if event["what"] == "task.erased"]) == 1


def test_who_is_refused_is_told(desk: Desk) -> None:
    """By the address, and by the key where it is known; once, however often it tries."""
    with desk.appliance.client(headers={"Host": "localhost"}) as stranger:
        for number in range(5):
            answer = stranger.get("/api/system/status", headers={"X-API-Key": f"guess {number}"})
            assert answer.status_code == 401
    until(lambda: events(desk.appliance.data_dir, "request.refused"))
    (event,) = [e for e in events(desk.appliance.data_dir, "request.refused") if "unauth" in e["outcome"]]
    assert event["who"] == {"kind": "anonymous", "address": "127.0.0.1"}
    assert event["which"] == {"face": "rest"}
    assert "guess" not in (desk.appliance.data_dir / "audit.log").read_text()


def test_a_call_of_grpc(desk: Desk) -> None:
    """Is a task with the same life, which is erased because the call has ended."""
    folder = desk.appliance.data_dir
    before = len(events(folder, "task.erased"))
    request = ExtractRequest(audio=Audio(content=(RECORDINGS / "demo.flac").read_bytes()))
    with grpc.insecure_channel(desk.appliance.grpc) as channel:
        stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        stub.Extract(iter([request]), timeout=PATIENCE, metadata=(("x-api-key", desk.key),))
        with pytest.raises(grpc.RpcError):
            stub.Extract(iter([request]), timeout=PATIENCE, metadata=(("x-api-key", "a guess"),))
    until(lambda: len(events(folder, "task.erased")) > before)
    erased = events(folder, "task.erased")[-1]
    until(lambda: len(desk.of(erased["which"]["task"])) == 4)
    found = desk.of(erased["which"]["task"])
    assert {event["what"] for event in found} == {"task.submitted", "task.ended", "task.read", "task.erased"}
    assert {event["who"].get("id") for event in found} == {desk.id, None}
    assert erased["outcome"] == "call ended"
    until(lambda: [e for e in events(folder, "request.refused") if e["which"] == {"face": "grpc"}])


def test_a_whole_life(models_dir: Path, tmp_path: Path) -> None:
    """Of an appliance: its start, its processes, a worker that is killed, its end; one chain, over two lives."""
    folder = tmp_path / "data"
    folder.mkdir()
    for _ in range(2):
        with started(folder, models_dir, grpc_port=0) as appliance, appliance.client() as client:
            location = client.post(CONVERSION, json={"voiceprints": [GOOD]}).headers["Location"]
            ended(client, location)
            until(lambda: events(folder, "task.ended"))
        assert appliance.process.returncode == 0
    found = [(event["what"], event["who"]["name"].split()[0]) for event in events(folder) if "name" in event["who"]]
    assert found[0] == ("appliance.started", "supervisor")
    assert found[-1] == ("appliance.stopped", "supervisor")
    for name in ("http", "grpc", "worker"):
        assert found.count(("process.started", name)) == found.count(("process.stopped", name)) == 2
    report = verified(folder)
    assert report.whole
    assert (report.torn, report.unfinished) == ([], 0)


def test_processes_that_are_killed_leave_a_whole_log(models_dir: Path, tmp_path: Path) -> None:
    """All of them at once, under load, in the midst of what they write: what is there is proven, and goes on."""
    folder = tmp_path / "data"
    folder.mkdir()
    with started(folder, models_dir) as appliance, appliance.client() as client:
        for _ in range(30):
            client.post(CONVERSION, json={"voiceprints": [GOOD]})
        appliance.process.send_signal(signal.SIGKILL)
        appliance.process.wait(PATIENCE)
    count = verified(folder).events
    assert verified(folder).whole
    assert len(events(folder, "task.submitted")) == 30
    with started(folder, models_dir):
        pass
    assert verified(folder).whole
    assert verified(folder).events > count


def test_while_nothing_can_be_written(models_dir: Path, tmp_path: Path) -> None:
    """Nothing is taken in or handed out, what runs ends, erasing goes on; later the log has all that has happened."""
    folder = tmp_path / "data"
    folder.mkdir()
    body = {"voiceprints": [GOOD]}
    with started(folder, models_dir, unsigned_voiceprints="accept") as appliance, appliance.client() as client:
        done = client.post(CONVERSION, json=body).headers["Location"]
        ended(client, done)
        with without_workers(appliance):
            accepted = client.post(CONVERSION, json=body)
            assert accepted.status_code == 202
            # In the way of every writer.
            (folder / "audit.log.head").unlink()
            (folder / "audit.log.head").mkdir()
            for answer in (client.post(CONVERSION, json=body), client.post(CONVERSION, json=body), client.get(done)):
                assert_refused(answer, 507, "storage.capacity-exceeded")
                assert answer.headers["Retry-After"]
            assert len(list((folder / "store" / "inputs").iterdir())) == 1
        assert "the audit log cannot be written" in client.get("/ready").text
        assert client.get("/ready").status_code == 503
        assert client.delete(done).status_code == 204
        location = accepted.headers["Location"]
        until(
            lambda: client.get("/api/system/status").json()["tasks"] == {"waiting": 0, "running": 0, "limit": 100_000}
        )
        # The task has ended before the worker tries to tell so.
        until(lambda: (folder / "up.log").read_text().count("nothing is taken in") == 2)
        assert_refused(client.get(location), 507, "storage.capacity-exceeded")
        (folder / "audit.log.head").rmdir()
        until(lambda: client.get("/ready").status_code == 200)
        assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
        until(lambda: len(events(folder, "task.ended")) == 2)
    report = verified(folder)
    assert report.whole
    assert [len(events(folder, what)) for what in ("task.submitted", "task.ended", "task.erased")] == [2, 2, 1]
    assert {event["which"]["lost"] for event in events(folder, "audit.resumed")} == {0}
    assert len(report.outages) == 2


def test_no_task_is_made_that_the_log_does_not_know(models_dir: Path, tmp_path: Path) -> None:
    """However the log is held up: the first request meets that as well, and whoever is killed then has told all that it
    has answered."""
    folder = tmp_path / "data"
    folder.mkdir()
    body = {"voiceprints": [GOOD]}
    with started(folder, models_dir, grpc="off") as appliance, appliance.client() as client:
        ended(client, client.post(CONVERSION, json=body).headers["Location"])
        with (folder / "audit.log.head").open("rb") as head:
            fcntl.flock(head, fcntl.LOCK_EX)
            assert_refused(client.post(CONVERSION, json=body), 507, "storage.capacity-exceeded")
            os.kill(child(appliance, b"serve"), signal.SIGKILL)
        until(lambda: events(folder, "task.ended"))
    assert len(events(folder, "task.submitted")) == len(events(folder, "task.ended")) == 1


def test_a_task_for_which_the_queue_is_full_is_withdrawn(models_dir: Path, tmp_path: Path) -> None:
    """Of two whose uploads come at once one fits: of the other the log says that it was submitted, and not made."""
    folder = tmp_path / "data"
    folder.mkdir()
    uploads = folder / "store" / "partial"

    def slowly() -> Iterator[bytes]:
        whole = json.dumps({"voiceprints": [GOOD]}).encode()
        # Enough for a file of its own.
        yield b" " * (2 << 20) + whole[:20]
        until(lambda: len(list(uploads.iterdir())) == 2)
        together.wait(PATIENCE)
        yield whole[20:]

    def post() -> int:
        return client.post(CONVERSION, content=slowly(), headers={"Content-Type": "application/json"}).status_code

    together = threading.Barrier(2)
    with (
        started(folder, models_dir, grpc="off", max_queue_length=1) as appliance,
        appliance.client() as client,
        without_workers(appliance),
        ThreadPoolExecutor(2) as two,
    ):
        assert sorted(two.map(lambda _: post(), range(2))) == [202, 503]
        until(lambda: events(folder, "task.withdrawn"))
    (withdrawn,) = events(folder, "task.withdrawn")
    assert withdrawn["outcome"] == "service.overloaded"
    told = {event["which"]["task"] for event in events(folder, "task.submitted")}
    assert len(told) == 2
    assert withdrawn["which"]["task"] in told


def test_what_was_answered_is_in_the_log(models_dir: Path, tmp_path: Path) -> None:
    """Whatever dies meanwhile: each 202, each result and each 204 has its line, and the lines are one chain."""
    folder = tmp_path / "data"
    folder.mkdir()
    answered: dict[str, set[str]] = {"task.submitted": set(), "task.read": set(), "task.erased": set()}
    with started(folder, models_dir, workers=2, grpc="off", unsigned_voiceprints="accept") as appliance:
        over = threading.Event()

        def work() -> None:
            with appliance.client() as client:
                while not over.is_set():
                    with suppress(httpx.TransportError):
                        once(client, answered)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(6):
            until(lambda enough=4 * (number + 1): len(answered["task.erased"]) >= enough)
            running = children(appliance)
            os.kill(running[number % len(running)], signal.SIGKILL)
        over.set()
        for thread in threads:
            thread.join()
        with appliance.client() as client:
            until(lambda: client.get("/ready").status_code == 200)
    report = verified(folder)
    assert report.whole, report.faults
    for what, tasks in answered.items():
        assert tasks <= {event["which"]["task"] for event in events(folder, what)}, what


def once(client: httpx.Client, answered: dict[str, set[str]]) -> None:
    """Submits, reads and erases one task, and notes what was answered."""
    submitted = client.post(CONVERSION, json={"voiceprints": [GOOD]})
    if submitted.status_code != 202:
        return
    path = httpx.URL(submitted.headers["Location"]).path
    task = path.rpartition("/")[2]
    answered["task.submitted"].add(task)
    if "result" in client.get(path, params={"wait": 20}).json():
        answered["task.read"].add(task)
    if client.delete(path).status_code == 204:
        answered["task.erased"].add(task)


@contextmanager
def without_workers(appliance: Appliance) -> Iterator[None]:
    """Nobody takes a task for that long."""
    workers = [pid for pid in children(appliance) if b"worker" in words(pid)]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def child(appliance: Appliance, role: bytes) -> int:
    (pid,) = (pid for pid in children(appliance) if role in words(pid))
    return pid


def words(pid: int) -> list[bytes]:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def children(appliance: Appliance) -> list[int]:
    """The processes of the appliance but for its Redis: the HTTP server and the workers."""
    supervisor = appliance.process.pid
    found = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [int(pid) for pid in found if b"redis" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
