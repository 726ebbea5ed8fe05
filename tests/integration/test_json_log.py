"""The log as JSON: by its ids a task is followed from a request to its worker, and nothing of the task is in it."""

import json
from collections.abc import Callable
from typing import Any

import grpc
from phonexia.grpc.common.core_pb2 import Audio
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1.speaker_identification_pb2 import ExtractRequest

from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended
from tests.integration.marks import found, of_bytes, of_text, of_voiceprint
from tests.patience import PATIENCE

TRACE = "0af7651916cd43dd8448eb211c80319c"
NAME = "Interview Wilhelmine Zeugin-Sternthal 1987.flac"
ALWAYS = {"timestamp", "level", "logger", "event", "process"}
IDS = {"request_id", "correlation_id", "task_id", "trace_id", "exception"}


def test_a_task_is_followed_by_its_ids(start_appliance: Callable[..., Appliance]) -> None:
    """Each line of each process is an object; those of one task have its id and its trace, the request's has its own
    id as well. Neither media nor voiceprint nor the name of the file is in any."""
    media = (RECORDINGS / "demo.flac").read_bytes()
    appliance = start_appliance(grpc_port=0, log_format="json", log_level="debug")
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Request-Id": "call 4711"}
    with appliance.client() as client:
        answer = client.post(EXTRACTION, files={"file": (NAME, media)}, headers=headers)
        result: Any = ended(client, answer.headers["Location"])["result"]
    with grpc.insecure_channel(appliance.grpc) as channel:
        stub = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        stub.Extract(iter([ExtractRequest(audio=Audio(content=media))]), timeout=PATIENCE)
    log = (appliance.data_dir / "up.log").read_bytes()
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(line.keys() >= ALWAYS and line.keys() <= ALWAYS | IDS for line in lines)
    roles = {line["process"].partition(" ")[0] for line in lines}
    assert roles >= {"http", "grpc", "worker", "supervisor"}
    task_id = answer.headers["Location"].rpartition("/")[2]
    of_task = [line for line in lines if line.get("task_id") == task_id]
    assert {line["process"].partition(" ")[0] for line in of_task} == {"http", "worker"}
    assert {line["trace_id"] for line in of_task} == {TRACE}
    (posted,) = (line for line in of_task if line["event"].startswith("POST "))
    assert posted["request_id"] == "call 4711"
    called = [line for line in lines if line["process"] == "grpc" and "Extract" in line["event"]]
    assert called
    assert {line["process"].partition(" ")[0] for line in lines if line.get("task_id") == called[0]["task_id"]} >= {
        "worker",
        "grpc",
    }
    (channel_of,) = result["channels"]
    marks = {"media": set(of_bytes(media)), "name": set(of_text(NAME)) | {b"Sternthal"}}
    assert found(log, marks | {"voiceprint": set(of_voiceprint(channel_of["voiceprint"]))}) == {}
