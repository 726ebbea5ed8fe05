"""Gender and age through a real appliance, and heads on the command line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from appliance.settings import Settings, child_environment
from onnx_models import registry
from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended
from tests.integration.models_folder import with_networks_of
from tests.unit.onnx_models.heads.made_heads import constant, write_head

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
GENDER, AGE = "/api/technology/gender-identification", "/api/technology/age-estimation"


def result(client: httpx.Client, path: str, **given: Any) -> dict[str, Any]:
    submitted = client.post(path, **given)
    assert submitted.status_code == 202, submitted.text
    body: dict[str, Any] = ended(client, submitted.headers["Location"])
    assert body["task"]["state"] == "done", body
    found: dict[str, Any] = body["result"]
    return found


def heads(models: Path, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    environment = child_environment(Settings(models_dir=models))
    return subprocess.run([VOICEPRINT, "heads", *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def own_models(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder of the test's own, with all that is installed."""
    return with_networks_of(models_dir, tmp_path / "models")


def test_gender(client: httpx.Client) -> None:
    """A recording and the voiceprint of it have the same scores, one pair for each channel."""
    recording = {"file": (RECORDINGS / "demo.flac").read_bytes()}
    (channel,) = result(client, GENDER, files=recording)["channels"]
    assert channel["score_male"]["score_llr"] == -channel["score_female"]["score_llr"]
    (extracted,) = result(client, EXTRACTION, files=recording)["channels"]
    (again,) = result(client, f"{GENDER}-voiceprints", json={"voiceprints": [extracted["voiceprint"]]})["results"]
    assert channel == {"channel_number": 0, "processed_audio_length": channel["processed_audio_length"]} | again
    assert channel["speech_length"] == extracted["speech_length"]


def test_gender_of_a_part(client: httpx.Client) -> None:
    """The contract's parameters choose what is listened to, in the query as in the config."""
    recording = {"file": (RECORDINGS / "demo.flac").read_bytes()}
    (by_query,) = result(client, GENDER, files=recording, params={"range_from": 1, "range_to": 2.5})["channels"]
    config = {"config": (None, '{"range_from": 1, "range_to": 2.5, "channel_mode": "mix"}')}
    (by_config,) = result(client, GENDER, files=recording | config)["channels"]
    assert by_query == by_config
    assert by_query["speech_length"] <= 1.5


@pytest.mark.parametrize("query", [{"range_from": 2, "range_to": 1}, {"range_from": -1}, {"max_speech_length": 0}])
def test_parts_that_are_none(client: httpx.Client, query: dict[str, float]) -> None:
    """An empty or negative range and a cap of nothing are a 422."""
    answer = client.post(GENDER, files={"file": b"x"}, params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, "request.validation-error")


@pytest.mark.parametrize("path", [AGE, f"{AGE}-voiceprints"])
def test_no_age_without_a_head(client: httpx.Client, path: str) -> None:
    """Ages are a 501 that says what to install, and nothing waits in the queue for it."""
    given = {"json": {"voiceprints": ["AAAA"]}} if path.endswith("voiceprints") else {"files": {"file": b"RIFF"}}
    answer = client.post(path, **given)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["type"]) == (501, "technology.unavailable")
    assert "voiceprint heads add" in answer.json()["message"]


def test_ages_with_a_head(own_models: Path, tmp_path: Path, start_appliance: Callable[..., Appliance]) -> None:
    """Once a head is added by the command, recordings and voiceprints have ages, and too little speech has none."""
    weights = np.full((1, 256), 100.0)
    added = heads(own_models, "add", write_head(tmp_path / "brought", [(weights, np.array([-1.0]))]))
    assert added.returncode == 0, added.stderr
    started = start_appliance(models_dir=own_models)
    with started.client() as client:
        recording = {"file": (RECORDINGS / "demo.flac").read_bytes()}
        (channel,) = result(client, AGE, files=recording)["channels"]
        assert isinstance(channel["age"], int)
        (extracted,) = result(client, EXTRACTION, files=recording)["channels"]
        texts = {"voiceprints": [extracted["voiceprint"]]}
        assert result(client, f"{AGE}-voiceprints", json=texts)["results"][0]["age"] == channel["age"]
        (short,) = result(client, AGE, files=recording, params={"max_speech_length": 0.2})["channels"]
        assert 0.2 <= short.pop("processed_audio_length") < extracted["processed_audio_length"]
        assert short == {"channel_number": 0, "speech_length": 0.2, "age": None}
        served = {model["name"]: model["heads"] for model in client.get("/api/system/models").json()["models"]}
        assert served == {"ge2e": ["age", "gender"]}


def test_heads_on_the_command_line(own_models: Path, tmp_path: Path) -> None:
    """Heads are listed with where they come from, added, and removed; what is wrong is one line and exit code 2."""
    card = write_head(tmp_path / "brought", constant(33.0))
    assert "made tells age" in heads(own_models, "add", card).stdout
    rows = [line.split("\t")[:4] for line in heads(own_models, "list").stdout.splitlines()]
    space = registry.speaker_card("ge2e").space
    assert rows[0] == ["head", "tells", "space", "from"]
    assert ["made", "age", space, "added"] in rows
    assert ["gender-ge2e", "gender", space, "shipped"] in rows
    assert heads(own_models, "remove", "made").returncode == 0
    assert "made" not in heads(own_models, "list").stdout
    again = heads(own_models, "remove", "made")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    card.write_text("kind = 'age'")
    faulty = heads(own_models, "add", card)
    assert faulty.returncode == 2
    assert "made.toml is not the card of a head" in faulty.stderr


def test_a_head_that_falls_short_stops_the_start(own_models: Path, start_appliance: Callable[..., Appliance]) -> None:
    """A damaged head in the models folder is named when a worker starts, not at its first task."""
    write_head(own_models / "heads", constant(33.0))
    (own_models / "heads" / "made.npz").write_bytes(b"damaged")
    with pytest.raises(AssertionError, match=r"made\.npz is not what its card says"):
        start_appliance(models_dir=own_models)
