"""`voiceprint erase`, run as an operator runs it: what a key has made goes, whatever became of the key."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from appliance.embedded_redis.redis_server import running_url
from appliance.settings import Settings, child_environment
from tasks.keys import record_key
from tests.conftest import Appliance, ended
from tests.hardening.test_owners import asked, submit
from tests.integration.keyed import ring_in
from tests.made_keys import made_keys, revoke
from tests.patience import PATIENCE

Start = Callable[..., Appliance]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")


@pytest.fixture
def settings(models_dir: Path, tmp_path: Path) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    return Settings(data_dir=data, models_dir=models_dir, key_ring=ring_in(tmp_path))


def erase(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [VOICEPRINT, "erase", *words]
    environment = child_environment(settings)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def results(settings: Settings) -> list[Path]:
    return list((settings.store / "results").iterdir())


def test_what_a_revoked_key_has_made_is_erased(start_appliance: Start, settings: Settings) -> None:
    """A task that is done and those whose record is damaged or empty go with their results, those of another key stay,
    and the audit log tells which went and who had it done."""
    gone, kept = made_keys(settings.data_dir, "gone", "kept")
    appliance = start_appliance(key_ring=settings.key_ring, unsigned_voiceprints="accept")
    tasks = []
    for key in (gone, gone, gone, kept):
        with appliance.client(headers={"X-API-Key": key}) as client:
            location = submit(client, key)
            assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
            tasks.append(location)
    whole, damaged, empty, other = (location.rpartition("/")[2] for location in tasks)
    url = running_url(settings.data_dir)
    assert url is not None
    with Redis.from_url(url) as redis:
        redis.set(record_key(damaged), b"damaged")
        redis.set(record_key(empty), b"")
    revoke(settings.data_dir, gone, datetime.now(UTC))
    done = erase(settings, "--key", "gone", "--yes")
    assert done.returncode == 0, done
    assert done.stderr.endswith("3 tasks are erased\n")
    assert [path.name for path in results(settings)] == [f"{other}.1"]
    with appliance.client() as client:
        assert asked(client, "GET", tasks[3], kept).json()["result"]
    events = [json.loads(line) for line in settings.audit.read_bytes().rpartition(b"\n")[0].splitlines()]
    told = {one["which"]["task"]: one["who"]["kind"] for one in events if one["what"] == "task.erased"}
    assert told == dict.fromkeys((whole, damaged, empty), "command")


def test_a_task_by_its_id(start_appliance: Start, settings: Settings) -> None:
    """One that is there is erased, and one that is not is named."""
    (key,) = made_keys(settings.data_dir, "desk")
    with start_appliance(key_ring=settings.key_ring, unsigned_voiceprints="accept").client(
        headers={"X-API-Key": key}
    ) as client:
        location = submit(client, key)
        assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
        nowhere = str(uuid.uuid4())
        done = erase(settings, location.rpartition("/")[2], nowhere, "--yes")
        assert done.returncode == 1
        assert "1 task is erased\n" in done.stderr
        assert f"there is no task {nowhere}" in done.stderr
        assert asked(client, "GET", location, key).status_code == 404
    assert results(settings) == []


def test_of_an_appliance_that_does_not_run(settings: Settings) -> None:
    """Its Redis is started for it, and ends with it."""
    done = erase(settings, "--key", "0a1b2c3d", "--yes")
    assert (done.returncode, done.stderr) == (0, "0 tasks are erased\n")
    assert running_url(settings.data_dir) is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "name tasks"),
        (("x",), "is no id"),
        (("--key", "nobody", "--yes"), "there is no one key nobody"),
        ((str(uuid.UUID(int=1)),), "--yes"),
    ],
)
def test_what_is_not_said_is_not_erased(settings: Settings, words: tuple[str, ...], why: str) -> None:
    """Nothing is started for it, and nothing is erased."""
    refused = erase(settings, *words)
    assert refused.returncode == 2
    assert why in refused.stderr
