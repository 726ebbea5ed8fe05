"""A backup of a working appliance, and the appliance that it makes elsewhere."""

import os
import signal
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.backup.reading import unpacked
from appliance.settings import Settings
from schemas.keyring import KeyRing
from tasks.record import TaskRecord
from tests.conftest import API, CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended, running
from tests.integration import backups

Here = Callable[..., Settings]


@pytest.fixture(params=["with a key ring", pytest.param("without", marks=pytest.mark.long)])
def here(request: pytest.FixtureRequest, models_dir: Path, tmp_path: Path) -> Here:
    """Settings of an appliance in a folder of its own; all of one test have one key ring, if any."""
    given: dict[str, Any] = {"http_port": 0, "grpc": "off", "workers": 1, "models_dir": models_dir}
    if request.param == "with a key ring":
        # Where nobody should put it.
        (tmp_path / "first").mkdir()
        given["key_ring"] = backups.ring(tmp_path / "first" / "ring.toml")

    def here(name: str, **more: object) -> Settings:
        (tmp_path / name).mkdir(exist_ok=True)
        return Settings.model_validate(given | {"data_dir": tmp_path / name} | more)

    return here


def submitted(client: httpx.Client, name: str = "demo.flac", **headers: str) -> str:
    answer = client.post(EXTRACTION, files={"file": (RECORDINGS / name).read_bytes()}, headers=headers)
    assert answer.status_code == 202, answer.text
    return httpx.URL(answer.headers["Location"]).path


def frozen(appliance: Appliance) -> None:
    """Its worker stands still: what it has stays open."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                words = (folder / "cmdline").read_text()
            except OSError:
                continue
            if parent == str(appliance.process.pid) and "\0worker\0" in words:
                os.kill(int(folder.name), signal.SIGSTOP)


def test_a_restored_appliance_goes_on(here: Here, tmp_path: Path) -> None:
    """What had ended is answered as before, what was open ends as it would have, an Idempotency-Key still holds, and
    the key ring is not in the backup."""
    first, second, archive = here("first"), here("second"), tmp_path / "backup.tar"
    with running(first) as appliance, appliance.client() as client:
        path = submitted(client, **{"Idempotency-Key": "an ended one"})
        over = {path: ended(client, path)}
        frozen(appliance)
        # The first of them is in the hands of the worker.
        waiting = [submitted(client) for _ in range(3)]
        again = submitted(client, "call.flac", **{"Idempotency-Key": "an open one"})
        said = backups.run(first, "backup", archive)
        assert "4 open and 1 ended tasks, 4 uploads, 1 results" in said
        if first.key_ring:
            forgotten = first.model_copy(update={"key_ring": None})
            assert "set VOICEPRINT_KEY_RING" in backups.refused(forgotten, "backup", tmp_path / "incomplete.tar")
            assert not (tmp_path / "incomplete.tar").exists()
        appliance.process.kill()
    assert backups.run(first, "verify-backup", archive).startswith("4 open and 1 ended tasks")
    if first.key_ring:
        assert b"QUFBQUFB" not in archive.read_bytes()
        with tarfile.open(archive) as tar:
            assert "ring" not in " ".join(tar.getnames())
    backups.run(second, "restore", archive)
    with running(second) as appliance, appliance.client() as client:
        assert submitted(client, "call.flac", **{"Idempotency-Key": "an open one"}) == again
        assert submitted(client, **{"Idempotency-Key": "an ended one"}) == next(iter(over))
        for path, body in over.items():
            assert client.get(path).json() == body
        expected = [channel["quality"] for channel in next(iter(over.values()))["result"]["channels"]]  # type: ignore[index]
        for path in waiting:
            body: dict[str, Any] = ended(client, path)
            assert body["task"]["state"] == "done"
            assert [channel["quality"] for channel in body["result"]["channels"]] == expected
        assert ended(client, again)["task"]["state"] == "done"  # type: ignore[index]
    assert not list((second.store / "inputs").iterdir())


@pytest.mark.timeout(400)  # three appliances one after the other, each with its tasks
def test_a_backup_of_an_appliance_at_work(here: Here, tmp_path: Path) -> None:
    """However tasks come, end and are erased while it is made, each task in a backup ends as done after a restore."""
    first, archive, over = here("first"), tmp_path / "backup.tar", threading.Event()
    with running(first) as appliance:
        with appliance.client() as client:
            extracted: dict[str, Any] = ended(client, submitted(client))
        document = {"voiceprints": [extracted["result"]["channels"][0]["voiceprint"]]}

        def work() -> None:
            with appliance.client() as client:
                while not over.is_set():
                    path = httpx.URL(client.post(CONVERSION, json=document).headers["Location"]).path
                    ended(client, path)
                    if path[-1] in "0123":
                        client.delete(path)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        made = []
        for number in range(2):
            archive = tmp_path / f"backup-{number}.tar"
            backups.run(first, "backup", archive)
            made.append(archive)
        over.set()
        for thread in threads:
            thread.join()
    for number, archive in enumerate(made):
        elsewhere = here(f"elsewhere-{number}")
        backups.run(elsewhere, "restore", archive)
        with running(elsewhere) as appliance, appliance.client() as client:
            paths = list(tasks_in(archive, elsewhere.ring()))
            assert paths
            for path in paths:
                body: dict[str, Any] = ended(client, path)
                assert body["task"]["state"] == "done", body


def tasks_in(archive: Path, ring: KeyRing | None) -> Iterator[str]:
    """Where the tasks of a backup are polled."""
    keys = ring.derive("record") if ring else None
    with tarfile.open(archive) as tar:
        for name in tar.getnames():
            if name.startswith("tasks/"):
                content = tar.extractfile(name)
                assert content is not None
                for task in unpacked(name, content.read()):
                    yield f"{API}/{TaskRecord.unpack(task.record, keys).technology}/{task.task_id}"
