"""Voiceprints that nobody here has made, sent to every technology that takes some, over REST and gRPC."""

import random
import struct
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import msgpack
import numpy as np
import pytest
from phonexia.grpc.common.core_pb2 import Voiceprint
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2 as gender
from phonexia.grpc.technologies.gender_identification.v1 import gender_identification_pb2_grpc as gender_grpc
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as speaker
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as speaker_grpc

from schemas.voiceprint import MAXIMUM_BYTES, from_base64, to_base64
from tests.conftest import API, Appliance, ended
from tests.patience import PATIENCE
from tests.unit.schemas.sample_voiceprints import KEY, container, content, framed, packed, padded
from tests.unit.tasks.jobs import made_voiceprints

GOOD = made_voiceprints.text(made_voiceprints.directions(1, 0)[0])
PLAIN = container()
_NOISE = random.Random(1).randbytes(MAXIMUM_BYTES)  # noqa: S311  # the same at every run


def repeated(value: float) -> bytes:
    return np.full(8, value, "<f4").tobytes()


def around(payload: bytes) -> bytes:
    """A container of any payload, of a length and with a check that are right."""
    return framed(payload + bytes(-(16 + len(payload) + 32) % 3))


HOSTILE = {
    "nothing": b"",
    "the magic alone": b"ZOVP",
    "cut short": PLAIN[:-1],
    "the header alone": PLAIN[:16],
    "four gigabytes": PLAIN[:12] + b"\xff\xff\xff\xff" + PLAIN[16:],
    "as large as it may be": framed(_NOISE[: MAXIMUM_BYTES - 48 - MAXIMUM_BYTES % 3]),
    "noise": _NOISE[:2000],
    "a flipped bit": PLAIN[:40] + bytes([PLAIN[40] ^ 1]) + PLAIN[41:],
    "nested a hundred thousand times": around(b"\x81\xa1a" * 100_000),
    "nested lists": around(b"\x91" * 300_000),
    "a map of four thousand million": around(b"\xdf\xff\xff\xff\xff"),
    "a list of four thousand million": around(b"\xdd\xff\xff\xff\xff"),
    "text of four gigabytes": around(b"\xdb\xff\xff\xff\xff"),
    "an extension": container(extra=msgpack.ExtType(1, b"x")),
    "a timestamp": container(extra=msgpack.Timestamp(1)),
    "a key twice": framed(padded(b"\xde" + struct.pack(">H", 26) + packed(content())[3:] * 2)),
    "a key that is a number": framed(padded(packed(content() | {1: 2}))),
    "no map": framed(padded(b"\xde\0\0")),
    "not a number": container(vector=repeated(np.nan)),
    "infinity": container(vector=repeated(np.inf)),
    "a length that is not a number": container(speech=float("nan")),
    "an endless recording": container(recording=float("inf")),
    "a length below zero": container(speech=-1.0),
    "fewer values than it says": container(dim=1 << 31),
    "no values": container(dim=0, vector=b""),
    "a huge number": container(dim=(1 << 64) - 1),
    "a name that is no text": container(model=b"\xff\xfe"),
    "a name without end": container(model="m" * 100_000),
    "a name of a path": container(model="../../../etc/passwd", space="../../../etc/passwd"),
    "a name of a page": container(model="<script>alert(1)</script>", space="{0.__class__}%s%n"),
    "a name with zeros": container(model="a\0b\r\nX-Evil: 1", space="\0"),
    "of another model": container(),
    "of our space and too short": container(model="ge2e", space="ge2e-2"),
    "signed by nobody": framed(padded(packed(content())), flags=1, key_id=9, key=KEY),
    "signed, and no key named": framed(padded(packed(content())), key_id=9),
    "flags of tomorrow": framed(padded(packed(content())), flags=0xF0),
    "a version of tomorrow": framed(padded(packed(content())), version=255),
    "a pickle": b"cposix\nsystem\n(S'id'\ntR.",
    "a ZIP archive": b"PK\x03\x04" + bytes(100),
}
# What may be read: it is whole, and the technologies must judge by themselves what it is good for.
READABLE = {
    "of another model",
    "a name of a path",
    "a name of a page",
    "a name with zeros",
    "of our space and too short",
}


def documents(text: str) -> dict[str, dict[str, Any]]:
    """A request of every technology, in which one voiceprint is good."""
    both = {"voiceprints": [GOOD, text]}
    return {
        "speaker-identification-voiceprint-conversion": both,
        "speaker-identification-voiceprint-merging": both,
        "speaker-identification-voiceprint-comparison": {"voiceprints_a": [GOOD], "voiceprints_b": [GOOD, text]},
        "gender-identification-voiceprints": both,
    }


def status(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """How a call of one or of many responses ends, and its words."""
    try:
        answered = call()
        if hasattr(answered, "__next__"):
            list(answered)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("name", HOSTILE)
def test_over_rest(client: httpx.Client, name: str) -> None:
    """Refused at once or rejected as a task, by its place in the list, and never a fault of ours."""
    for technology, document in documents(to_base64(HOSTILE[name])).items():
        answer = client.post(f"{API}/{technology}", json=document)
        if answer.status_code == 202:
            body: dict[str, Any] = ended(client, answer.headers["Location"])
            if name in READABLE and body["task"]["state"] == "done":
                assert technology.endswith("conversion")
                continue
            assert body["task"]["state"] == "rejected", (technology, body)
            error = body["error"]
        else:
            assert answer.status_code in {400, 422}, technology
            error = answer.json()
        assert [detail["location"][2] for detail in error["detail"]] == [1], (technology, error)
        assert "Error" not in error["message"]
        assert len(error["message"]) < 2000


@pytest.mark.parametrize("name", HOSTILE)
def test_over_grpc(appliance: Appliance, client: httpx.Client, name: str) -> None:
    """The call ends with INVALID_ARGUMENT and a word on which it was."""
    good, bad = from_base64(GOOD), HOSTILE[name]
    both = [Voiceprint(content=good), Voiceprint(content=bad)]
    with grpc.insecure_channel(appliance.grpc) as channel:
        calls = {
            "conversion": lambda: speaker_grpc.VoiceprintConversionStub(channel).Convert(
                iter([speaker.ConvertRequest(voiceprints=both)]), timeout=PATIENCE
            ),
            "merging": lambda: speaker_grpc.VoiceprintMergingStub(channel).Merge(
                speaker.MergeRequest(voiceprints=both), timeout=PATIENCE
            ),
            "comparison": lambda: speaker_grpc.VoiceprintComparisonStub(channel).Compare(
                iter([speaker.CompareRequest(voiceprints_a=both[:1], voiceprints_b=both)]), timeout=PATIENCE
            ),
            "gender": lambda: gender_grpc.GenderIdentificationStub(channel).Identify(
                iter([gender.IdentifyRequest(voiceprints=both)]), timeout=PATIENCE
            ),
        }
        for technology, call in calls.items():
            code, words = status(call)
            if name in READABLE and code is grpc.StatusCode.OK:
                assert technology == "conversion"
                continue
            assert code is grpc.StatusCode.INVALID_ARGUMENT, (technology, words)
            assert "Error" not in words
    assert client.get("/ready").is_success
