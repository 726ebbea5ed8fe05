"""Voiceprints of other systems are converted over REST and gRPC, and used for nothing else."""

import json
import struct

import grpc
import httpx
import numpy as np
import pytest
from phonexia.grpc.common.core_pb2 import Voiceprint
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2 as pb
from phonexia.grpc.technologies.speaker_identification.v1 import speaker_identification_pb2_grpc as pb_grpc

from schemas.voiceprint import from_base64, to_base64
from tests.conftest import API, CONVERSION, Appliance, ended
from tests.patience import PATIENCE
from tests.unit.schemas.formats.sample_files import ubjson
from tests.unit.tasks.jobs.made_voiceprints import directions, text

A = directions(3)
DECIMALS = [json.dumps([float(str(value)) for value in vector]) for vector in A]


def converted(client: httpx.Client, texts: list[str], query: str = "") -> dict[str, object]:
    accepted = client.post(f"{CONVERSION}{query}", json={"voiceprints": texts})
    assert accepted.status_code == 202, accepted.text
    return ended(client, accepted.headers["Location"])


def test_over_rest(appliance: Appliance) -> None:
    """Phonexia's, decimals as text and bare numbers give the vectors that are in them, bit for bit and in order."""
    with appliance.client() as client:
        theirs = [to_base64(ubjson(vector)) for vector in A]
        for texts in (theirs * 40, DECIMALS, [theirs[0], DECIMALS[1], theirs[2]]):
            found = converted(client, texts)["result"]["vector_voiceprints"]  # type: ignore[index]
            expected = np.concatenate([A] * (len(texts) // 3))
            assert np.array(found, np.float32).tobytes() == expected.tobytes()
        for raw, kind in (("float32", "f"), ("float16", "e")):
            bare = [to_base64(struct.pack(f"<256{kind}", *vector)) for vector in A]
            found = converted(client, bare, f"?raw={raw}")["result"]["vector_voiceprints"]  # type: ignore[index]
            assert np.array(found, np.float32).tobytes() == A.astype(f"<{kind}").astype(np.float32).tobytes()


def test_bad_ones_are_named(appliance: Appliance) -> None:
    """By index, among good ones; text that is neither Base64 nor a list is refused at once."""
    with appliance.client() as client:
        texts = [text(A[0]), to_base64(ubjson(A[1])), DECIMALS[2], text(A[1]), "[1, x]", to_base64(b"VPT " + bytes(60))]
        told = converted(client, texts)
        assert told["task"]["state"] == "rejected"  # type: ignore[index]
        kinds = {one["location"][2]: one["type"] for one in told["error"]["detail"]}  # type: ignore[index]
        expected = {1: "space-mismatch", 2: "space-mismatch", 4: "malformed", 5: "wrong-magic"}
        assert kinds == {index: f"voiceprint.{kind}" for index, kind in expected.items()}
        answer = client.post(CONVERSION, json={"voiceprints": [DECIMALS[0], "16.07, 3"]})
        assert (answer.status_code, answer.json()["detail"][0]["location"]) == (422, ["body", "voiceprints", 1])
        assert client.post(f"{CONVERSION}?raw=float64", json={"voiceprints": DECIMALS}).status_code == 422


@pytest.mark.parametrize("name", ["speaker-identification-voiceprint-merging", "gender-identification-voiceprints"])
def test_nothing_else_takes_them(appliance: Appliance, name: str) -> None:
    """Whoever compares or merges voiceprints of another system is told that it cannot be."""
    with appliance.client() as client:
        texts = [to_base64(ubjson(vector)) for vector in A]
        accepted = client.post(f"{API}/{name}", json={"voiceprints": texts})
        told = ended(client, accepted.headers["Location"])
        assert {one["type"] for one in told["error"]["detail"]} == {"voiceprint.wrong-magic"}
        assert client.post(f"{API}/{name}", json={"voiceprints": DECIMALS}).status_code == 422


def test_over_grpc(appliance: Appliance) -> None:
    """The same as bytes."""
    contents = [ubjson(A[0]), DECIMALS[1].encode(), ubjson(A[2])]
    with grpc.insecure_channel(appliance.grpc) as channel:
        convert = pb_grpc.VoiceprintConversionStub(channel).Convert
        request = pb.ConvertRequest(voiceprints=[Voiceprint(content=one) for one in contents])
        (response,) = convert(iter([request]), timeout=PATIENCE)
        found = np.array([vector.values for vector in response.vector_voiceprints], np.float32)
        assert found.tobytes() == A.tobytes()
        mixed = pb.ConvertRequest(voiceprints=[Voiceprint(content=one) for one in (from_base64(text(A[0])), *contents)])
        with pytest.raises(grpc.RpcError, match=r"space|voiceprints\.1"):
            list(convert(iter([mixed]), timeout=PATIENCE))
