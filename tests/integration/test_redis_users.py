"""The Redis user of deploy/ against what the appliance really does with Redis."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
import yaml

from appliance.embedded_redis import redis_server
from appliance.settings import Settings, child_environment
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, ended
from tests.integration.test_parts import VOICEPRINT, free_port, until_ready
from tests.patience import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy"
OLDEST_WITH_FUNCTIONS = 7


@pytest.fixture
def restricted(redis_url: str, models_dir: Path) -> Iterator[str]:
    """The address of the tests' Redis for a user with the rights that compose.yaml gives."""
    (users,) = (
        config["content"]
        for config in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["configs"].values()
        if "content" in config
    )
    line = users.splitlines()[1]
    # Between name and rights stands the password, to be filled in by compose.
    name, rights = line.split()[1], line.rpartition("} ")[2].split()
    if redis_server.find(models_dir).major < OLDEST_WITH_FUNCTIONS:
        rights.remove("-function")
    with redis.Redis.from_url(redis_url) as whole:
        whole.flushall()
        whole.execute_command("ACL", "SETUSER", name, "reset", "on", ">word", *rights)
        yield redis_url.replace("unix://", f"unix://{name}:word@")
        whole.execute_command("ACL", "DELUSER", name)


def test_the_user_may_do_what_the_appliance_does(restricted: str, models_dir: Path, tmp_path: Path) -> None:
    """Server and worker do their work as that user: tasks are made, ended, waited for and erased; nothing else is
    allowed to it."""
    settings = Settings(redis_url=restricted, data_dir=tmp_path, models_dir=models_dir, http_port=free_port())
    with (tmp_path / "log").open("w") as log:
        processes = [
            subprocess.Popen([VOICEPRINT, word], env=child_environment(settings), stderr=log)
            for word in ("serve", "worker")
        ]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{settings.http_port}", timeout=PATIENCE) as client:
                until_ready(client)
                submitted = client.post(EXTRACTION, files={"file": (RECORDINGS / "demo.flac").read_bytes()})
                location = submitted.headers["Location"]
                assert client.get(location, params={"wait": 20}).json()["task"]["state"] == "done"
                assert client.delete(location).is_success
                refused = client.post(CONVERSION, json={"voiceprints": ["WkFQ"]}, headers={"Idempotency-Key": "one"})
                assert ended(client, refused.headers["Location"])["task"]["state"] == "rejected"  # type: ignore[index]
        finally:
            for process in processes:
                process.kill()
                process.wait(PATIENCE)
    assert "NOPERM" not in (tmp_path / "log").read_text()
    with redis.Redis.from_url(restricted) as bound:
        for command in (("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("PUBLISH", "elsewhere", "x")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                bound.execute_command(*command)
