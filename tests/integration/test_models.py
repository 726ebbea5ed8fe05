"""Several speaker models at once, over HTTP."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from appliance.settings import Settings, child_environment
from onnx_models import registry
from tests.conftest import API, COMPARISON, CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended, running

MERGING = f"{API}/speaker-identification-voiceprint-merging"


@pytest.fixture(scope="module")
def two(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    """A client of an appliance that serves the default model and the one without a network."""
    folder = tmp_path_factory.mktemp("two")
    settings = Settings(http_port=0, data_dir=folder, models_dir=models_dir, more_models=("mfcc-stats",), workers=1)
    with running(settings) as started, started.client() as client:
        yield client


def submitted(client: httpx.Client, path: str, **request: object) -> dict[str, object]:
    answer = client.post(path, **request)  # type: ignore[arg-type]
    assert answer.status_code == 202, answer.text
    return ended(client, answer.headers["Location"])


def voiceprint_of(client: httpx.Client, **query: str) -> dict[str, object]:
    file = (RECORDINGS / "demo.flac").read_bytes()
    query |= {"include_vector_voiceprint": "true"}
    body = submitted(client, EXTRACTION, files={"file": file}, params=query)
    (channel,) = body["result"]["channels"]  # type: ignore[index]
    return channel


def test_a_request_chooses_its_model(two: httpx.Client) -> None:
    """`model` chooses among those that are served; without it the default works."""
    assert voiceprint_of(two)["model"] == "ge2e"
    chosen = voiceprint_of(two, model="mfcc-stats")
    assert chosen["model"] == "mfcc-stats"
    assert len(chosen["vector_voiceprint"]) == registry.speaker_card("mfcc-stats").dimension  # type: ignore[arg-type]


def test_a_model_that_is_not_served_is_refused(two: httpx.Client) -> None:
    """Another model is a 422 that names those that are served, before the body is read."""
    answer = two.post(EXTRACTION, files={"file": b"nothing"}, params={"model": "nemo-titanet-large"})
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert detail["location"] == ["query", "model"]
    assert "ge2e, mfcc-stats" in detail["message"]


@pytest.mark.parametrize("path", [COMPARISON, MERGING, CONVERSION])
def test_spaces_do_not_mix(two: httpx.Client, path: str) -> None:
    """Comparing, merging and converting across embedding spaces is refused, with the place of what does not fit."""
    pair = [voiceprint_of(two)["voiceprint"], voiceprint_of(two, model="mfcc-stats")["voiceprint"]]
    body = {"voiceprints_a": pair[:1], "voiceprints_b": pair[1:]} if path == COMPARISON else {"voiceprints": pair}
    ended_body = submitted(two, path, json=body)
    assert ended_body["task"]["state"] == "rejected"  # type: ignore[index]
    error = ended_body["error"]
    assert "mfcc-stats" in error["message"]  # type: ignore[index]
    (detail,) = error["detail"]  # type: ignore[index]
    assert detail["type"] == "voiceprint.space-mismatch"
    assert detail["location"] == (["body", "voiceprints_b", 0] if path == COMPARISON else ["body", "voiceprints", 1])


def test_scores_need_a_calibration(two: httpx.Client) -> None:
    """A model without calibration gives no scores, and the refusal names the cure."""
    voiceprints = [voiceprint_of(two, model="mfcc-stats")["voiceprint"]]
    body = submitted(two, COMPARISON, json={"voiceprints_a": voiceprints, "voiceprints_b": voiceprints})
    assert body["task"]["state"] == "rejected"  # type: ignore[index]
    assert "voiceprint calibrate" in body["error"]["message"]  # type: ignore[index]


def test_system_models(two: httpx.Client) -> None:
    """`/api/system/models` tells of every served model, the default first."""
    ge2e, mfcc = two.get("/api/system/models").json()["models"]
    assert (ge2e["name"], ge2e["default"], ge2e["device"], ge2e["metric"]) == ("ge2e", True, "cpu", "cosine")
    assert ge2e["times_real_time"] > 1
    assert set(ge2e["calibration"]) == {"fitted", "slope", "offset"}
    assert (mfcc["name"], mfcc["default"], mfcc["calibration"]) == ("mfcc-stats", False, None)


def test_an_appliance_needs_its_models(start_appliance: Callable[..., Appliance]) -> None:
    """A model that is to be served and is not installed stops the start with the command that installs it."""
    with pytest.raises(AssertionError, match="model wespeaker-resnet293-lm is not installed"):
        start_appliance(more_models=("wespeaker-resnet293-lm",))


def test_models_list_tells_what_runs(two: httpx.Client, models_dir: Path) -> None:
    """`models list` shows device and speed of the models that the appliance at the settings' address serves, and the
    coefficients of every calibration.
    """
    settings = Settings(http_port=two.base_url.port, models_dir=models_dir, more_models=("mfcc-stats",))
    command = [Path(sys.executable).with_name("voiceprint"), "models", "list", "--json"]
    listed = subprocess.run(command, env=child_environment(settings), capture_output=True, check=True)
    models = {model["name"]: model for model in json.loads(listed.stdout)}
    (ge2e, _) = two.get("/api/system/models").json()["models"]
    for name in ("device", "times_real_time", "metric", "unit_length"):
        assert models["ge2e"][name] == ge2e[name]
    assert {name: models["ge2e"][name] for name in ("slope", "offset")} == {
        name: ge2e["calibration"][name] for name in ("slope", "offset")
    }
    assert models["mfcc-stats"]["device"] == "cpu"
    assert models["nemo-titanet-large"]["device"] is None
