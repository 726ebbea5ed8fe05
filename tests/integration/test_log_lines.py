"""What the log never has, at its most talkative: recordings, voiceprints, vectors, names of files, keys and secrets.

One appliance does everything that it can be asked for, and much that it refuses; then every line is searched.
"""

import io
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import soundfile
from phonexia.grpc.common.core_pb2 import Audio, Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc
from phonexia.grpc.technologies.speaker_identification.v1.speaker_identification_pb2 import (
    CompareRequest,
    ExtractRequest,
    MergeRequest,
)

from schemas.voiceprint import from_base64
from tests.conftest import API, CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.integration.keyed import SECRET, events, key_in, started, verified
from tests.integration.marks import found, of_bytes, of_text, of_voiceprint
from tests.patience import PATIENCE
from tests.unit.appliance.webhooks.receiver import receiving

NAME = "Interview Wilhelmine Zeugin-Sternthal 1987.flac"
WEBHOOK = "whsec_" + b64encode(b"a secret of the webhooks of this test only").decode()
CALLBACK_TOKEN = "tok-5d41402abc4b2a76b9719d911017c592"  # noqa: S105  # of this test
GUESS = "vp_0badc0de_" + "Guess-that-no-one-made-up-before-this-0123456"[:43]
IDEMPOTENCY = "Aktenzeichen 4711/0815 Sternthal"


@dataclass
class Told:
    """An appliance, a client with a key, and what of their talk is a secret."""

    appliance: Appliance
    client: httpx.Client
    marks: dict[str, set[bytes]]


def recording(seed: int, of: str = "call.flac") -> bytes:
    speech, rate = soundfile.read(RECORDINGS / of, dtype="float32", always_2d=True)
    noise = np.random.default_rng(seed).normal(0, 0.004, speech.shape)
    buffer = io.BytesIO()
    soundfile.write(buffer, speech * 0.8 + noise, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def told(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("log") / "data"
    folder.mkdir()
    key = key_in(folder, "front desk")
    marks = {
        "API key": set(of_text(key)) | {key.split("_", 2)[2].encode()},
        "wrong API key": set(of_text(GUESS)) | {GUESS.split("_", 2)[2].encode()},
        "key ring": set(of_bytes(SECRET)) | {b64encode(SECRET)},
        "file name": set(of_text(NAME)) | {b"Sternthal", b"Wilhelmine"},
        "webhook secret": set(of_text(WEBHOOK)) | {WEBHOOK.encode()},
        "callback token": set(of_text(CALLBACK_TOKEN)),
        "idempotency key": set(of_text(IDEMPOTENCY)),
        "media": set(),
        "voiceprint": set(),
    }
    settings = {"log_level": "debug", "webhook_secret": WEBHOOK, "webhook_networks": "127.0.0.0/8", "rate_limit": 60}
    with (
        started(folder, models_dir, grpc_port=0, **settings) as appliance,
        appliance.client(headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        told = Told(appliance, client, marks)
        everything(told, key)
        yield told


def everything(told: Told, key: str) -> None:
    """Does what can be done, right and wrong."""
    client, media = told.client, recording(1)
    told.marks["media"] |= set(of_bytes(media))
    voiceprints = extracted(told, media)
    told.marks["voiceprint"] |= {mark for text in voiceprints for mark in of_voiceprint(text)}
    vectors = voiceprints_worked_on(told, voiceprints)
    told.marks["voiceprint"] |= {repr(number).encode() for number in vectors if len(repr(number)) > 9}
    refused(told, media, voiceprints)
    called_back(told, voiceprints)
    one_channel = recording(2, "demo.flac")
    told.marks["media"] |= set(of_bytes(one_channel))
    over_grpc(told, key, one_channel, voiceprints)
    with told.appliance.client(headers={"X-API-Key": GUESS}) as stranger:
        assert stranger.get("/api/system/status").status_code == 401
    answers = [client.post(CONVERSION, json={"voiceprints": voiceprints}).status_code for _ in range(61)]
    assert 429 in answers


def extracted(told: Told, media: bytes) -> list[str]:
    files, headers = {"file": (NAME, media, "audio/wav")}, {"Idempotency-Key": IDEMPOTENCY}
    location = told.client.post(EXTRACTION, files=files, headers=headers).headers["Location"]
    assert told.client.post(EXTRACTION, files=files, headers=headers).headers["Idempotent-Replayed"]
    channels = ended(told.client, location)["result"]["channels"]  # type: ignore[index,call-overload]
    for technology in ("voice-activity-detection", "gender-identification"):
        done = told.client.post(f"{API}/{technology}", files=files)
        assert done.status_code in {202, 501}
        if done.status_code == 202:
            ended(told.client, done.headers["Location"])
    assert told.client.delete(location).status_code == 204
    return [channel["voiceprint"] for channel in channels]


def voiceprints_worked_on(told: Told, voiceprints: list[str]) -> list[float]:
    """Converts, compares and merges them, and returns the numbers of the conversion."""
    bodies: dict[str, Any] = {
        "conversion": {"voiceprints": voiceprints},
        "comparison": {"voiceprints_a": voiceprints, "voiceprints_b": voiceprints},
        "merging": {"voiceprints": voiceprints},
    }
    results = {}
    for name, body in bodies.items():
        answer = told.client.post(f"{API}/speaker-identification-voiceprint-{name}", json=body)
        assert answer.status_code == 202, answer.text
        results[name] = ended(told.client, answer.headers["Location"])
        assert results[name]["task"]["state"] == "done", results[name]  # type: ignore[index]
    text = json.dumps(results["conversion"])
    return [float(number) for number in re.findall(r"-?\d+\.\d{5,}(?:e-?\d+)?", text)]


def refused(told: Told, media: bytes, voiceprints: list[str]) -> None:
    """Requests and tasks that are wrong, each in a way that a message might repeat."""
    client, (one, *_) = told.client, voiceprints
    forged = one[:900] + ("AAAA" if one[900:904] != "AAAA" else "BBBB") + one[904:]
    bodies: list[Any] = [
        {"voiceprints": [forged]},
        {"voiceprints": [one[:-40]]},
        {"voiceprints": [one + one]},
        {"voiceprints": [b64encode(media[:3000]).decode()]},
    ]
    for body in bodies:
        assert ended(client, client.post(CONVERSION, json=body).headers["Location"])["task"]["state"] == "rejected"  # type: ignore[index]
    invalid = [
        json.dumps({"voiceprints": [one]})[:-2],
        json.dumps({"voiceprints": one}),
        json.dumps({one: [one]}),
        json.dumps({"voiceprints": [{"name": NAME, "value": one}]}),
        media,
        one,
    ]
    for content in invalid:
        answer = client.post(CONVERSION, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}
    broken = media[:2000] + bytes(200)
    for files in ({"file": (NAME, broken)}, {"file": (NAME, one)}, {"file": (NAME, b"")}):
        answer = client.post(EXTRACTION, files=files)
        if answer.status_code == 202:
            ended(client, answer.headers["Location"])
    assert client.post(EXTRACTION, files={NAME: (NAME, media)}).status_code in {400, 422}
    assert client.post(EXTRACTION, content=media, headers={"Content-Type": "audio/wav"}).status_code == 415
    config = {"file": (NAME, media), "config": (NAME, one)}
    assert client.post(EXTRACTION, files=config).status_code in {400, 422}
    assert client.post(EXTRACTION, params={"model": NAME}, files={"file": (NAME, media)}).status_code in {202, 422}
    odd = f'--b\r\nContent-Disposition: form-data; name="file"; filename*=UTF-8\'\'{NAME}; filename="{NAME}\r\n\r\n'
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    client.post(EXTRACTION, content=odd.encode() + media + b"\r\n--b--\r\n", headers=multipart)


def called_back(told: Told, voiceprints: list[str]) -> None:
    """By a receiver that hears, and by one that is not there."""
    with receiving() as receiver:
        for url in (f"{receiver.url}/{CALLBACK_TOKEN}?token={CALLBACK_TOKEN}", f"http://127.0.0.1:9/{CALLBACK_TOKEN}"):
            body = {"voiceprints": voiceprints, "callback_url": url}
            ended(told.client, told.client.post(CONVERSION, json=body).headers["Location"])
        receiver.got(1)
    wrong = {"voiceprints": voiceprints, "callback_url": f"ftp://user:{CALLBACK_TOKEN}@192.0.2.1/{CALLBACK_TOKEN}"}
    assert told.client.post(CONVERSION, json=wrong).status_code == 422


def over_grpc(told: Told, key: str, media: bytes, voiceprints: list[str]) -> None:
    messages = [Voiceprint(content=from_base64(text)) for text in voiceprints]
    metadata = (("x-api-key", key),)
    with grpc.insecure_channel(told.appliance.grpc) as channel:
        extraction = speaker_identification_pb2_grpc.VoiceprintExtractionStub(channel)
        extraction.Extract(iter([ExtractRequest(audio=Audio(content=media))]), timeout=PATIENCE, metadata=metadata)
        comparison = speaker_identification_pb2_grpc.VoiceprintComparisonStub(channel)
        both = CompareRequest(voiceprints_a=messages, voiceprints_b=messages)
        assert list(comparison.Compare(iter([both]), timeout=PATIENCE, metadata=metadata))
        merging = speaker_identification_pb2_grpc.VoiceprintMergingStub(channel)
        assert merging.Merge(MergeRequest(voiceprints=messages), timeout=PATIENCE, metadata=metadata)
        broken = ExtractRequest(audio=Audio(content=media[:1000] + bytes(1000)))
        damaged = CompareRequest(voiceprints_a=[Voiceprint(content=media[:500])], voiceprints_b=messages)
        for wrong in (
            lambda: extraction.Extract(iter([broken]), timeout=PATIENCE, metadata=metadata),
            lambda: list(comparison.Compare(iter([damaged]), timeout=PATIENCE, metadata=metadata)),
            lambda: list(comparison.Compare(iter([both]), timeout=PATIENCE, metadata=(("x-api-key", GUESS),))),
        ):
            with pytest.raises(grpc.RpcError):
                wrong()


def test_the_log_is_that_of_all_that_was_done(told: Told) -> None:
    """It is at its most talkative, and has lines of every process; nothing went wrong here."""
    log = (told.appliance.data_dir / "up.log").read_text()
    for part in (" DEBUG ", "appliance.middlewares", "appliance.grpc_face", "tasks.worker", "appliance.webhooks"):
        assert part in log, part
    assert "Traceback" not in log


def test_every_secret_has_marks(told: Told) -> None:
    """Each of them would be found."""
    assert all(told.marks.values())
    assert len(told.marks["media"]) > 100
    assert len(told.marks["voiceprint"]) > 500


def test_no_line_has_any_of_it(told: Told) -> None:
    """Neither in the log nor in the audit log, which has a line for most of what was done."""
    folder = told.appliance.data_dir
    for name in ("up.log", "audit.log"):
        assert found((folder / name).read_bytes(), told.marks) == {}, name
    assert {event["what"] for event in events(folder)} >= {
        "task.submitted",
        "task.read",
        "task.ended",
        "task.erased",
        "request.refused",
    }
    assert verified(folder).whole
