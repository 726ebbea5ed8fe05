"""The gRPC server on a machine of its own: `voiceprint grpc`, over a Redis and a store folder that others share."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1.speaker_identification_pb2 import ExtractRequest

from appliance.settings import Settings, child_environment
from tests.conftest import RECORDINGS
from tests.integration.test_parts import VOICEPRINT, free_port
from tests.patience import PATIENCE, until


def health(address: str, service: str = "") -> str:
    """What the server says of itself, empty when nobody answers."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE
            )
        except grpc.RpcError:
            return ""
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


@pytest.fixture
def part(redis_url: str, models_dir: Path, tmp_path: Path) -> Iterator[tuple[Settings, list[subprocess.Popen[bytes]]]]:
    """The settings of a server that has no models, its process, and that of a worker."""
    with redis.Redis.from_url(redis_url) as shared:
        shared.flushall()
    common = {"redis_url": redis_url, "store_dir": tmp_path / "shared"}
    (tmp_path / "shared").mkdir()
    server = Settings(**common, grpc_port=free_port(), data_dir=tmp_path / "a", models_dir=tmp_path / "none")
    worker = Settings(**common, data_dir=tmp_path / "b", models_dir=models_dir)
    processes = [
        subprocess.Popen([VOICEPRINT, word], env=child_environment(settings), stderr=subprocess.DEVNULL)
        for word, settings in (("grpc", server), ("worker", worker))
    ]
    try:
        yield server, processes
    finally:
        for process in processes:
            process.kill()
            process.wait(PATIENCE)


def test_the_parts_do_the_main_job(part: tuple[Settings, list[subprocess.Popen[bytes]]]) -> None:
    """A recording sent to the server is worked on by the worker, and SIGTERM ends both with exit code 0."""
    settings, processes = part
    address = f"127.0.0.1:{settings.grpc_port}"
    until(lambda: health(address) == "SERVING")
    with grpc.insecure_channel(address) as channel:
        stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        request = ExtractRequest(audio=Audio(content=(RECORDINGS / "demo.flac").read_bytes()))
        assert stub.Extract(iter([request]), timeout=PATIENCE).result.voiceprint.content.startswith(b"ZOVP")
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(PATIENCE) for process in processes] == [0, 0]


def test_without_a_worker_it_does_not_serve(part: tuple[Settings, list[subprocess.Popen[bytes]]]) -> None:
    """Health is NOT_SERVING once the last worker is gone, for the server and for each service, and the probe fails."""
    settings, (_, worker) = part
    address = f"127.0.0.1:{settings.grpc_port}"
    until(lambda: health(address) == "SERVING")
    assert probe(settings) == 0
    worker.kill()
    until(lambda: health(address) == "NOT_SERVING")
    service = "phonexia.grpc.technologies.speaker_identification.v1.VoiceprintExtraction"
    assert health(address, service) == "NOT_SERVING"
    assert probe(settings) == 1


def test_nobody_there_fails_the_probe(tmp_path: Path) -> None:
    """Where no server answers, the probe's exit code says so."""
    assert probe(Settings(grpc_port=free_port(), data_dir=tmp_path)) == 1


def probe(settings: Settings) -> int:
    return subprocess.run([VOICEPRINT, "grpc", "--check"], env=child_environment(settings), check=False).returncode


@pytest.mark.parametrize(
    ("words", "said"), [((), "VOICEPRINT_REDIS_URL"), (("--port", "70000"), "VOICEPRINT_GRPC_PORT")]
)
def test_what_is_missing_is_named(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Without a Redis that others share, or with a port that is none, nothing starts."""
    tried = subprocess.run(
        [sys.executable, "-m", "appliance", "grpc", *words],
        env=child_environment(Settings(data_dir=tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 2
    assert said in tried.stderr
    assert "Traceback" not in tried.stderr
