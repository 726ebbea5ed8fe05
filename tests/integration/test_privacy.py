"""What is left of a person's recording and voiceprint: where, and until when.

Over a Redis whose files the tests can read, with a key ring and without: all bytes on the disk are searched.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import redis
import soundfile
from pybase64 import b64encode

from appliance.settings import Settings
from tests.conftest import EXTRACTION, RECORDINGS, ended, running
from tests.integration.marks import found, of_bytes, of_voiceprint
from tests.own_redis import started
from tests.patience import until

SECRET = bytes(range(32))
# In seconds: in so many what a task leaves must have been looked at.
RETENTION = 10.0


@dataclass(frozen=True)
class Machine:
    """An appliance, the folders that it writes to, and a connection to its Redis. `keyed`: it has a key ring."""

    client: httpx.Client
    data: Path
    redis_folder: Path
    redis: "redis.Redis"
    keyed: bool

    def files(self) -> dict[Path, bytes]:
        """Everything on the disk."""
        folders = (self.data, self.redis_folder)
        return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}

    def where(self, marks: dict[str, set[bytes]]) -> dict[str, set[str]]:
        """Names of the files that have the marks, by what these are of."""
        places: dict[str, set[str]] = {name: set() for name in marks}
        for path, content in self.files().items():
            for name in found(content, marks):
                places[name].add(str(path.relative_to(self.data.parent)))
        return places

    def rewritten(self) -> None:
        """Redis has written its append-only file anew."""
        self.redis.bgrewriteaof()
        until(lambda: not self.redis.info("persistence")["aof_rewrite_in_progress"])
        assert self.redis.info("persistence")["aof_last_bgrewrite_status"] == "ok"


@pytest.fixture(scope="module", params=["with a key ring", pytest.param("without", marks=pytest.mark.long)])
def machine(
    request: pytest.FixtureRequest, models_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("privacy")
    (folder / "data").mkdir()
    (folder / "redis").mkdir()
    settings: dict[str, object] = {}
    if keyed := request.param == "with a key ring":
        ring = folder / "ring.toml"
        ring.write_text(f'[[key]]\nid = 1\nsecret = "{b64encode(SECRET).decode()}"\n')
        ring.chmod(0o600)
        settings["key_ring"] = ring
    with started(models_dir, folder / "redis") as own:
        settings |= {
            "redis_url": own.url,
            "http_port": 0,
            "data_dir": folder / "data",
            "models_dir": models_dir,
            "workers": 1,
            "retention": RETENTION,
            "log_level": "debug",
        }
        with (
            running(Settings.model_validate(settings)) as appliance,
            appliance.client() as client,
            redis.Redis.from_url(own.url) as connection,
        ):
            yield Machine(client, folder / "data", folder / "redis", connection, keyed)


def recording(seed: int) -> bytes:
    """Speech that no other test has, and of which nothing else would make the same bytes."""
    speech, rate = soundfile.read(RECORDINGS / "demo.flac", dtype="float32")
    noise = np.random.default_rng(seed).normal(0, 0.005, len(speech))
    buffer = io.BytesIO()
    soundfile.write(buffer, speech * 0.8 + noise, rate, format="FLAC")
    return buffer.getvalue()


def extracted(machine: Machine, seed: int) -> tuple[str, dict[str, set[bytes]]]:
    """Where the task of a recording is that was worked on, and the marks of its media and its voiceprint."""
    media = recording(seed)
    location = machine.client.post(EXTRACTION, files={"file": media}).headers["Location"]
    result = ended(machine.client, location)["result"]
    (channel,) = result["channels"]  # type: ignore[index,call-overload]
    return location, {"media": set(of_bytes(media)), "voiceprint": set(of_voiceprint(channel["voiceprint"]))}


def test_the_marks_are_found_where_they_are() -> None:
    """A search that finds nothing anywhere would prove nothing."""
    media = recording(0)
    marks = {"media": set(of_bytes(media))}
    assert found(b"..." + media[5000:9000], marks)
    assert found(b"." + b64encode(media[5001:9000]), marks)
    assert found(repr(media[5000:9000]).encode(), marks)
    assert not found(recording(1), marks)


def test_a_task_that_has_ended_leaves_its_result_alone(machine: Machine) -> None:
    """Its media is nowhere. Its voiceprint is in the result file, encrypted where there is a key ring, and never in
    Redis or a log."""
    location, marks = extracted(machine, 1)
    task_id = location.rpartition("/")[2]
    places = machine.where(marks)
    assert places["media"] == set()
    assert places["voiceprint"] == (set() if machine.keyed else {f"data/store/results/{task_id}.1"})
    assert [path.name for path in (machine.data / "store").rglob("*") if path.is_file()] == [f"{task_id}.1"]
    assert machine.client.delete(location).status_code == 204


def test_a_task_that_was_erased_leaves_nothing(machine: Machine) -> None:
    """Neither in the store nor in Redis nor in its append-only file. That still has ids, sizes and checksums, until it
    is written anew; after that, of the appliance's logs alone, ids."""
    location, marks = extracted(machine, 2)
    task_id = location.rpartition("/")[2]
    assert machine.client.delete(location).status_code == 204
    assert machine.where(marks) == {"media": set(), "voiceprint": set()}
    assert [path for path in (machine.data / "store").rglob("*") if path.is_file()] == []
    assert machine.redis.keys(f"*{task_id}*") == []
    named = {"id": {task_id.encode()}}
    assert any("appendonly" in place for place in machine.where(named)["id"]), "nothing was searched"
    machine.rewritten()
    logs = {"data/up.log", "data/audit.log"} if machine.keyed else {"data/up.log"}
    assert machine.where(named)["id"] == logs


def test_results_vanish_by_retention(machine: Machine) -> None:
    """Nobody has to erase them: the task is unknown, and Redis has nothing more of it."""
    location, marks = extracted(machine, 3)
    task_id = location.rpartition("/")[2]
    until(lambda: machine.client.get(location).status_code == 404)
    assert machine.redis.keys(f"*{task_id}*") == []
    # The list of tasks forgets it with the next sweep.
    until(lambda: task_id.encode() not in b"".join(machine.redis.dump(key) or b"" for key in machine.redis.scan_iter()))
    machine.rewritten()
    assert not any("redis" in place for place in machine.where(marks | {"id": {task_id.encode()}})["id"])
