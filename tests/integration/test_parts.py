"""The parts on machines of their own: `voiceprint serve` and `voiceprint worker`, one Redis, one store folder."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from appliance.settings import Settings, child_environment
from tests.conftest import EXTRACTION, RECORDINGS, ended
from tests.patience import PATIENCE, until

VOICEPRINT = Path(sys.executable).with_name("voiceprint")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def parts(redis_url: str, models_dir: Path, tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A server and two workers that share nothing but Redis and the store folder; the server has no models."""
    with redis.Redis.from_url(redis_url) as shared:
        shared.flushall()
    port = free_port()
    common = {"redis_url": redis_url, "store_dir": tmp_path / "shared"}
    serve = Settings(**common, http_port=port, data_dir=tmp_path / "a", models_dir=tmp_path / "none")
    worker = Settings(**common, data_dir=tmp_path / "b", models_dir=models_dir)
    processes = [
        subprocess.Popen([VOICEPRINT, *words], env=child_environment(settings), stderr=subprocess.DEVNULL)
        for words, settings in ((["serve"], serve), (["worker"], worker), (["worker"], worker))
    ]
    try:
        yield f"http://127.0.0.1:{port}", processes
    finally:
        for process in processes:
            process.kill()
            process.wait(PATIENCE)


def until_ready(client: httpx.Client) -> None:
    def ready() -> bool:
        try:
            return client.get("/ready").is_success
        except httpx.TransportError:
            return False

    until(ready)


def test_the_parts_do_the_main_job(parts: tuple[str, list[subprocess.Popen[bytes]]]) -> None:
    """A recording posted to the server is worked on by a worker, and SIGTERM ends each part with exit code 0."""
    url, processes = parts
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        until_ready(client)
        workers = client.get("/api/system/status").json()["workers"]
        assert [worker["models"] for worker in workers] == [["ge2e"]] * len(workers)
        submitted = client.post(EXTRACTION, files={"file": (RECORDINGS / "demo.flac").read_bytes()})
        assert ended(client, submitted.headers["Location"])["task"]["state"] == "done"  # type: ignore[index]
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(PATIENCE) for process in processes] == [0, 0, 0]


def test_a_damaged_record_is_a_failed_task(parts: tuple[str, list[subprocess.Popen[bytes]]], redis_url: str) -> None:
    """A bit that flips in Redis while a task waits ends it as failed, where its client looks for it."""
    url, (_, *workers) = parts
    with httpx.Client(base_url=url, timeout=PATIENCE) as client, redis.Redis.from_url(redis_url) as shared:
        until_ready(client)
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        submitted = client.post(EXTRACTION, files={"file": (RECORDINGS / "demo.flac").read_bytes()})
        task_id = submitted.json()["task"]["task_id"]
        shared.setbit(f"voiceprint:task:{task_id}", 200, 1 - shared.getbit(f"voiceprint:task:{task_id}", 200))
        answer = client.get(submitted.headers["Location"]).json()
        assert answer["task"]["state"] == "failed"
        assert "damaged" in answer["error"]["message"]
        for worker in workers:
            worker.send_signal(signal.SIGCONT)


def test_without_a_worker_it_is_not_ready(parts: tuple[str, list[subprocess.Popen[bytes]]]) -> None:
    """`/ready` is a 503 that names the worker once the last one is gone, and `/health` stays a 200."""
    url, (_, *workers) = parts
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        until_ready(client)
        for worker in workers:
            worker.kill()
        until(lambda: not client.get("/ready").is_success)
        answer = client.get("/ready")
        assert answer.status_code == 503
        checks = answer.json()["checks"]
        assert {name for name, check in checks.items() if not check["ok"]} == {"worker", "model"}
        assert client.get("/health").status_code == 200
