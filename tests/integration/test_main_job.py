"""The main job over HTTP: a recording in, a voiceprint out, and its vector back from the voiceprint."""

import io
import re

import httpx
import numpy as np
import pytest
import soundfile

from onnx_models import open_model
from schemas import voiceprint
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended

DEMO = RECORDINGS / "demo.flac"


def extract(client: httpx.Client, file: bytes | str = "demo.flac", **query: object) -> list[dict[str, object]]:
    content = (RECORDINGS / file).read_bytes() if isinstance(file, str) else file
    submitted = client.post(EXTRACTION, files={"file": content}, params=query)  # type: ignore[arg-type]
    assert submitted.status_code == 202, submitted.text
    body = ended(client, submitted.headers["Location"])
    assert body["task"]["state"] == "done", body  # type: ignore[index]
    return body["result"]["channels"]  # type: ignore[index,no-any-return]


def silence() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(16000), 16000, format="WAV")
    return buffer.getvalue()


def test_a_recording_becomes_a_task(client: httpx.Client, appliance: Appliance) -> None:
    """The answer is 202 with a pending task, both headers hold its absolute address, and one says when to ask."""
    with DEMO.open("rb") as file:
        answer = client.post(EXTRACTION, files={"file": file})
    task_id = answer.json()["task"]["task_id"]
    assert answer.status_code == 202
    assert answer.json() == {"task": {"task_id": task_id, "state": "pending"}}
    assert answer.headers["Location"] == answer.headers["X-Location"] == f"{appliance.url}{EXTRACTION}/{task_id}"
    assert answer.headers["Retry-After"] == "1"
    ended(client, answer.headers["Location"])


def test_the_result_has_the_shape_of_the_contract(client: httpx.Client) -> None:
    """A channel has its number, voiceprint, speech length, model, quality and how much was listened to, and no vector
    unless asked for."""
    (channel,) = extract(client)
    assert set(channel) == {
        "channel_number",
        "voiceprint",
        "speech_length",
        "processed_audio_length",
        "model",
        "quality",
    }
    assert channel["channel_number"] == 0
    assert channel["model"] == "ge2e"


@pytest.mark.parametrize("asked", ["True", "true", "1"])
def test_the_vector_comes_when_asked_for(client: httpx.Client, asked: str) -> None:
    """`include_vector_voiceprint` is understood as Python and JSON write it, and the vector is the container's."""
    (channel,) = extract(client, include_vector_voiceprint=asked)
    found = voiceprint.decode(voiceprint.from_base64(str(channel["voiceprint"])))
    assert np.array_equal(np.asarray(channel["vector_voiceprint"], np.float32), found.vector)
    assert found.speech_length == channel["speech_length"]


def test_the_service_agrees_with_the_library(client: httpx.Client, models_dir: object) -> None:
    """Over HTTP and in process, the same recording gives the same vector, bit for bit."""
    (channel,) = extract(client)
    (direct,) = open_model(models_dir=models_dir).extract(DEMO)  # type: ignore[arg-type]
    found = voiceprint.decode(voiceprint.from_base64(str(channel["voiceprint"])))
    assert np.array_equal(found.vector, direct.vector)
    assert found.media_sha256 == direct.media_sha256


def test_the_config_part_carries_parameters(client: httpx.Client) -> None:
    """A parameter in `config` counts, unknown keys are ignored, and the query string wins."""
    with DEMO.open("rb") as file:
        answer = client.post(
            EXTRACTION,
            params={"max_speech_length": 2},
            files={
                "file": file,
                "config": (None, '{"max_speech_length": 1, "include_vector_voiceprint": true, "x": 1}'),
            },
        )
    (channel,) = ended(client, answer.headers["Location"])["result"]["channels"]  # type: ignore[index]
    assert channel["speech_length"] == pytest.approx(2)
    assert len(channel["vector_voiceprint"]) == 256


def test_stereo_is_split_mixed_or_selected(client: httpx.Client) -> None:
    """Two channels give two voiceprints, one when mixed, and the one that was asked for when selected."""
    left, right = extract(client, "call.flac")
    (mixed,) = extract(client, "call.flac", channel_mode="mix")
    (selected,) = extract(client, "call.flac", channels="1")
    assert [channel["channel_number"] for channel in extract(client, "call.flac", channels=[0, 1])] == [0, 1]
    vectors = [
        voiceprint.decode(voiceprint.from_base64(str(channel["voiceprint"]))).vector
        for channel in (left, right, mixed, selected)
    ]
    assert [left["channel_number"], right["channel_number"], mixed["channel_number"]] == [0, 1, 0]
    assert selected["channel_number"] == 1
    assert np.array_equal(vectors[1], vectors[3])
    assert not np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


def test_converted_vectors_are_the_extracted_ones_to_the_letter(client: httpx.Client) -> None:
    """Not only equal as numbers: both polls carry the same text."""
    with DEMO.open("rb") as file:
        submitted = client.post(EXTRACTION, files={"file": file}, params={"include_vector_voiceprint": True})
    ended(client, submitted.headers["Location"])
    extraction = client.get(submitted.headers["Location"])
    sent = [channel["voiceprint"] for channel in extraction.json()["result"]["channels"]]
    submitted = client.post(CONVERSION, json={"voiceprints": sent})
    ended(client, submitted.headers["Location"])
    conversion = client.get(submitted.headers["Location"])
    extracted = re.search(r'"vector_voiceprint":(\[[^]]*\])', extraction.text)
    assert extracted
    assert conversion.text.endswith(f'"result":{{"vector_voiceprints":[{extracted[1]}]}}}}')


def test_fifty_thousand_voiceprints_keep_their_order(client: httpx.Client) -> None:
    """A full conversion comes back complete, in the order of the input, the silent ones as empty lists."""
    spoken, silent = (extract(client, file)[0]["voiceprint"] for file in ("demo.flac", silence()))
    sent = [silent if index % 1000 == 7 else spoken for index in range(50_000)]
    submitted = client.post(CONVERSION, json={"voiceprints": sent})
    assert submitted.status_code == 202, submitted.text
    ended(client, submitted.headers["Location"])
    vectors = client.get(submitted.headers["Location"]).json()["result"]["vector_voiceprints"]
    assert [len(vector) for vector in vectors] == [0 if text == silent else 256 for text in sent]
    assert vectors[0] == vectors[-1]


def test_silence_is_not_an_error(client: httpx.Client) -> None:
    """The task is done, with no speech, an empty vector and a voiceprint that says so."""
    (channel,) = extract(client, silence(), include_vector_voiceprint=True)
    assert channel["speech_length"] == 0
    assert channel["vector_voiceprint"] == []
    assert not voiceprint.decode(voiceprint.from_base64(str(channel["voiceprint"]))).has_speech


def test_media_is_gone_when_its_task_has_ended(client: httpx.Client, appliance: Appliance) -> None:
    """Neither a finished nor a rejected task leaves its upload behind."""
    extract(client)
    answer = client.post(EXTRACTION, files={"file": b"this is text, not audio"})
    assert ended(client, answer.headers["Location"])["task"]["state"] == "rejected"  # type: ignore[index]
    store = appliance.data_dir / "store"
    assert not [*(store / "inputs").iterdir(), *(store / "partial").iterdir()]
