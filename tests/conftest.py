"""What tests share: installed models, a real Redis, a real appliance on a free port."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import hypothesis
import pytest
import trustme

from appliance.embedded_redis import redis_server
from appliance.loading import loading
from appliance.settings import Settings, child_environment
from onnx_models import registry
from schemas.errors import ConfigurationError
from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.patience import PATIENCE, pause

# What takes longer on a busy machine is no fault.
hypothesis.settings.register_profile("patient", deadline=None, max_examples=50)
hypothesis.settings.load_profile("patient")

# Tests call gRPC and start processes: without this it would tell of every fork on standard error.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

RECORDINGS = Path(__file__).parent / "recordings"
API = "/api/technology"
EXTRACTION = f"{API}/speaker-identification-voiceprint-extraction"
CONVERSION = f"{API}/speaker-identification-voiceprint-conversion"
COMPARISON = f"{API}/speaker-identification-voiceprint-comparison"


@dataclass(frozen=True)
class Appliance:
    """A running `voiceprint up`; `grpc` is host and port of its gRPC interface, empty when that is off."""

    url: str
    data_dir: Path
    process: "subprocess.Popen[str]"
    grpc: str = ""

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE, **options)  # type: ignore[arg-type]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests and all that they import stay to the end: half of the time of collecting them was the garbage
    collector's."""
    with loading():
        return (yield)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("VOICEPRINT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _no_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody outside is asked anything: in place of the hundred authorities that a system trusts, all of which every
    HTTP client reads anew, one that has certified nothing."""
    authority = tmp_path_factory.mktemp("authorities") / "authority.pem"
    trustme.CA().cert_pem.write_to_path(authority)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority))
        yield


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The installed models; `make test` installs them first."""
    folder = Path(os.environ.get("VOICEPRINT_MODELS_DIR") or registry.default_models_dir())
    try:
        for name in (registry.DEFAULT_MODEL, registry.VOICE_ACTIVITY_MODEL):
            registry.verify(registry.card(name), folder)
    except ConfigurationError as error:
        pytest.fail(f"the tests need the default models: {error.message}")
    return folder


@pytest.fixture(scope="session")
def redis_url(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of the session's own."""
    folder = tmp_path_factory.mktemp("redis")
    with redis_server.prepared(redis_server.find(models_dir), folder, "always") as server:
        launch = server.launch()
        process = subprocess.Popen(launch.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            asyncio.run(redis_server.wait_until_ready(server.url, PATIENCE))
            yield server.url
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[TaskStore]:
    """An empty task store."""
    async with TaskStore.open(redis_url) as opened:
        await opened.redis.flushall()
        yield opened


@pytest.fixture
def workforce(store: TaskStore) -> Workforce:
    """Those who look at the empty task store and work there."""
    return Workforce(store)


@contextmanager
def running(settings: Settings) -> Iterator[Appliance]:
    """`voiceprint up` with `settings`, from its ready line to its end; it logs to `up.log` in its data folder.

    What many tests ask nothing of, and each would wait for, is there only for those that name it: gRPC with
    `grpc_port`, the spare worker with `spare_worker`.
    """
    log = settings.data_dir / "up.log"
    unasked = {"grpc_port": {"VOICEPRINT_GRPC": "off"}, "spare_worker": {"VOICEPRINT_SPARE_WORKER": "false"}}
    without = ChainMap(*(unasked[name] for name in unasked.keys() - settings.model_fields_set))
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [Path(sys.executable).with_name("voiceprint"), "up"],
            env=child_environment(settings, **without),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, f"the appliance did not start: {log.read_text()}"
            grpc = re.search(r"gRPC on (\S+),", line)
            yield Appliance(line.split()[-1], settings.data_dir, process, grpc[1] if grpc else "")
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
                # Of use where it does not happen again.
                print(f"it had to be killed; it said: {log.read_text()[-10_000:]}")


@pytest.fixture
def start_appliance(models_dir: Path, tmp_path: Path) -> Iterator[Callable[..., Appliance]]:
    """Starts an appliance with settings of the test's own; it ends with the test."""
    with ExitStack() as stack:

        def start(**settings: object) -> Appliance:
            usual = {"http_port": 0, "data_dir": tmp_path / "data", "models_dir": models_dir, "workers": 1}
            (tmp_path / "data").mkdir(exist_ok=True)
            return stack.enter_context(running(Settings.model_validate(usual | settings)))

        yield start


@pytest.fixture(scope="session")
def appliance(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """One appliance for all tests that only ask it things."""
    folder = tmp_path_factory.mktemp("appliance")
    with running(Settings(http_port=0, grpc_port=0, data_dir=folder, models_dir=models_dir, workers=2)) as started:
        yield started


@pytest.fixture
def client(appliance: Appliance) -> Iterator[httpx.Client]:
    with appliance.client() as opened:
        yield opened


def ended(client: httpx.Client, location: str, seconds: float = PATIENCE) -> dict[str, object]:
    """The poll body of the task at `location` once its state is terminal."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        answer = client.get(location)
        assert answer.status_code == 200, answer.text
        body: dict[str, object] = answer.json()
        if body["task"]["state"] not in {"pending", "running"}:  # type: ignore[index]
            return body
        time.sleep(pause(began))
    raise AssertionError(f"the task did not end within {seconds} s: {body}")
