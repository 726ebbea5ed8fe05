"""Whatever is done to the shared appliance: it serves on, keeps nothing of it, and nothing unforeseen was logged."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from appliance.settings import Settings, child_environment
from schemas.voiceprint import encode, to_base64
from tasks.store import TaskStore
from tests.conftest import CONVERSION, Appliance, ended, running
from tests.fuzz.processes import kept
from tests.hardening.shared_redis import Scene
from tests.own_redis import OwnRedis, started
from tests.patience import PATIENCE, until
from tests.unit.schemas.sample_voiceprints import voiceprint

GOOD = to_base64(encode(voiceprint()))


@pytest.fixture
def client(client: httpx.Client, appliance: Appliance) -> Iterator[httpx.Client]:
    log = appliance.data_dir / "up.log"
    before = log.read_text().count("Traceback")
    yield client
    assert_serves(client)
    assert_nothing_kept(appliance.data_dir)
    assert log.read_text().count("Traceback") == before, log.read_text()


def assert_serves(client: httpx.Client) -> None:
    """The next request works."""
    answer = client.post(CONVERSION, json={"voiceprints": [GOOD]})
    assert answer.status_code == 202, answer.text
    assert ended(client, answer.headers["Location"])["task"]["state"] == "done"  # type: ignore[index]


def assert_nothing_kept(data_dir: Path) -> None:
    """No upload is left, at the latest when what still runs has ended."""
    until(lambda: not stored(data_dir), lambda: stored(data_dir))


def stored(data_dir: Path) -> list[Path]:
    """The files of uploads, finished or not."""
    return [path for name in ("inputs", "partial") for path in (data_dir / "store" / name).iterdir()]


@pytest.fixture
def own_redis(models_dir: Path, tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis for servers of the test, which may stop it."""
    with started(models_dir, tmp_path / "redis") as redis:
        yield redis


@pytest.fixture
def serve(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Appliance]]:
    """Starts `voiceprint serve` with settings of the test's own, and without a worker: what is submitted waits."""
    asyncio.run(_flush(redis_url))
    with ExitStack() as stack:

        def start(**settings: object) -> Appliance:
            given = {"redis_url": redis_url, "data_dir": tmp_path} | settings
            return stack.enter_context(_serving(Settings.model_validate(given)))

        yield start


@contextmanager
def _serving(settings: Settings) -> Iterator[Appliance]:
    with socket.create_server(("127.0.0.1", 0)) as listening, (settings.data_dir / "up.log").open("w") as log:
        descriptor, port = listening.fileno(), listening.getsockname()[1]
        process = subprocess.Popen(
            [Path(sys.executable).with_name("voiceprint"), "serve", "--fd", str(descriptor)],
            env=child_environment(settings),
            pass_fds=(descriptor,),
            stderr=log,
            text=True,
        )
        try:
            scheme = "https" if settings.http_tls_certificate else "http"
            appliance = Appliance(f"{scheme}://127.0.0.1:{port}", settings.data_dir, process)
            # The connection waits in the socket until the server takes it.
            with appliance.client(verify=False) as client:
                assert client.get("/health").status_code == 200
            yield appliance
        finally:
            process.terminate()
            process.wait(PATIENCE)


async def _flush(redis_url: str) -> None:
    async with TaskStore.open(redis_url) as store:
        await store.redis.flushall()


@pytest.fixture(scope="module")
def shared(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("hostile")
    with started(models_dir, folder / "redis") as own:
        given = {"redis_url": own.url, "http_port": 0, "data_dir": folder, "models_dir": models_dir, "workers": 1}
        with (
            running(Settings.model_validate(given | {"grpc": "off"})) as appliance,
            appliance.client() as client,
            Redis.from_url(own.url) as redis,
        ):
            yield Scene(appliance, redis, client, folder, GOOD)


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """Afterwards the next task is done, by the same processes, and nothing unforeseen was logged."""
    before, log = kept(shared.appliance.process.pid), shared.folder / "up.log"
    told = log.read_text().count("Traceback")
    yield shared
    assert shared.state(shared.submitted()) == "done"
    assert kept(shared.appliance.process.pid) == before
    assert log.read_text().count("Traceback") == told, log.read_text()[-5000:]
