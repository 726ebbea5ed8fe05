"""Results in every form over real HTTP."""

import json
from typing import Any

import httpx
import msgpack
import numpy as np
import pyarrow
import pytest

from schemas.representations import ARROW, JSON, MSGPACK
from schemas.voiceprint import encode, to_base64
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, ended
from tests.unit.schemas.sample_voiceprints import silent, voiceprint

TEXTS = [to_base64(encode(one)) for one in (voiceprint(), silent())]


def converted(client: httpx.Client, texts: list[str]) -> str:
    """The address of a conversion that is done."""
    location = client.post(CONVERSION, json={"voiceprints": texts}).headers["Location"]
    ended(client, location)
    return location


def asked(client: httpx.Client, location: str, form: str) -> httpx.Response:
    answer = client.get(location, headers={"Accept": form})
    assert (answer.status_code, answer.headers["Vary"]) == (200, "Accept")
    return answer


@pytest.mark.parametrize("count", [2, 4000])
def test_a_conversion_in_three_forms(client: httpx.Client, count: int) -> None:
    """The same vectors whether asked for as JSON, msgpack or Arrow, at once or in pieces."""
    location = converted(client, (TEXTS * count)[:count])
    vectors: list[Any] = asked(client, location, "*/*").json()["result"]["vector_voiceprints"]
    expected = [np.array(vector, np.float32).tobytes() for vector in vectors]
    assert expected == ([voiceprint().vector.tobytes(), b""] * count)[:count]
    packed = asked(client, location, MSGPACK)
    assert packed.headers["Content-Type"] == MSGPACK
    body = msgpack.unpackb(packed.content)
    assert (body["task"]["state"], body["result"]) == ("done", {"vector_voiceprints": expected})
    table = asked(client, location, ARROW)
    assert table.headers["Content-Type"] == ARROW
    column = pyarrow.ipc.open_stream(table.content).read_all().column("vector_voiceprints")
    assert [np.array(row.as_py(), np.float32).tobytes() for row in column] == expected


def test_an_extraction_as_msgpack(client: httpx.Client) -> None:
    """Every technology has msgpack; Arrow is for tables, and whoever asks for it elsewhere is told in JSON."""
    recording = (RECORDINGS / "demo.flac").read_bytes()
    submitted = client.post(EXTRACTION, files={"file": recording}, params={"include_vector_voiceprint": True})
    location = submitted.headers["Location"]
    (shown,) = ended(client, location)["result"]["channels"]  # type: ignore[index]
    (channel,) = msgpack.unpackb(asked(client, location, MSGPACK).content)["result"]["channels"]
    assert channel.pop("vector_voiceprint") == np.array(shown.pop("vector_voiceprint"), np.float32).tobytes()
    assert channel == shown
    assert asked(client, location, ARROW).headers["Content-Type"] == JSON


def test_what_is_not_done_is_told_in_json(client: httpx.Client) -> None:
    """A task that was rejected, and a refusal, are JSON whatever is asked for."""
    location = client.post(CONVERSION, json={"voiceprints": ["AAAA"]}).headers["Location"]
    ended(client, location)
    rejected = asked(client, location, MSGPACK)
    assert rejected.headers["Content-Type"] == JSON
    assert rejected.json()["task"]["state"] == "rejected"
    missing = client.get(location[:-12] + "0" * 12, headers={"Accept": ARROW})
    assert json.loads(missing.content)["type"] == "resource.not-found"
