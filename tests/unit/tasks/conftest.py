"""Workers for the tests of what they do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.files import LocalFileStore
from tests.own_redis import OwnRedis, started
from tests.patience import PATIENCE
from tests.unit.tasks.workers import RUN, Start, Working, given


@pytest.fixture(scope="module")
def start(redis_url: str, models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts workers that end with the module, each after it has run the code `first`."""
    running: list[subprocess.Popen[bytes]] = []

    def start(first: str = "", **changes: object) -> Working:
        folder = tmp_path_factory.mktemp("store")
        config = given(f"worker-{len(running)}", redis_url, folder, models_dir) | changes
        log = folder.with_suffix(".log")
        with log.open("wb") as errors:
            running.append(subprocess.Popen([sys.executable, "-c", first + RUN, json.dumps(config)], stderr=errors))
        return Working(str(config["name"]), running[-1], LocalFileStore(folder), folder, log)

    yield start
    for process in running:
        process.kill()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def working(start: Start) -> Working:
    """One worker for the tests that only give it tasks."""
    return start()


@pytest.fixture
def own_redis(models_dir: Path, tmp_path: Path) -> Iterator[OwnRedis]:
    with started(models_dir, tmp_path) as redis:
        yield redis
