"""Scores and merged voiceprints through a real appliance."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from appliance.settings import Settings
from onnx_models import profiles, registry
from onnx_models.calibration import Calibration
from tests.conftest import COMPARISON, CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended, running
from tests.integration.models_folder import with_networks_of

MERGING = "/api/technology/speaker-identification-voiceprint-merging"
TECHNOLOGIES = {"comparison": COMPARISON, "conversion": CONVERSION, "merging": MERGING}
CALIBRATION = Calibration(slope=9.0, offset=-3.5, fitted="2026-11-21")


@pytest.fixture(scope="module")
def scoring(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance that serves two models, with a profile `made` for the scores of the default one."""
    models = with_networks_of(models_dir, tmp_path_factory.mktemp("models"))
    own = profiles.card_profile(registry.speaker_card("ge2e"))
    made = dataclasses.replace(own, name="made", calibration=CALIBRATION, created="2026-11-21", cohort=None)
    profiles.save_profile(made, models)
    served = {"models_dir": models, "more_models": "mfcc-stats", "profile": "made"}
    own_data = {"http_port": 0, "workers": 1, "data_dir": tmp_path_factory.mktemp("data")}
    with running(Settings.model_validate(own_data | served)) as started:
        yield started


@pytest.fixture
def ask(scoring: Appliance) -> Iterator[Callable[..., dict[str, Any]]]:
    """Posts a document to a technology, or a recording, and waits for the end of its task."""
    with scoring.client() as client:

        def ask(path: str, body: dict[str, Any] | Path, **query: str) -> dict[str, Any]:
            given: dict[str, Any] = {"files": {"file": body.read_bytes()}} if isinstance(body, Path) else {"json": body}
            submitted = client.post(path, params=query, **given)
            assert submitted.status_code == 202, submitted.text
            return ended(client, submitted.headers["Location"])

        yield ask


@pytest.fixture
def voices(ask: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Channels of two recordings, with their vectors."""
    return [
        channel
        for name in ("demo.flac", "answer.flac")
        for channel in ask(EXTRACTION, RECORDINGS / name, include_vector_voiceprint="true")["result"]["channels"]
    ]


def test_comparison(ask: Callable[..., dict[str, Any]], voices: list[dict[str, Any]]) -> None:
    """A recording's voiceprint scores above 2 with itself, as do its bare vectors, and the same from both sides."""
    texts = [voice["voiceprint"] for voice in voices]
    scores = ask(COMPARISON, {"voiceprints_a": texts, "voiceprints_b": texts})["result"]["scores"]
    assert (scores["columns_count"], scores["rows_count"]) == (len(texts), len(texts))
    square = np.array(scores["values"]).reshape(len(texts), len(texts))
    assert np.array_equal(square, square.T)
    assert (np.diag(square) > 2).all()
    vectors = [voice["vector_voiceprint"] for voice in voices]
    bare = ask(COMPARISON, {"vectors_a": vectors, "vectors_b": vectors, "model": "ge2e"})["result"]["scores"]
    assert bare == scores
    assert ask(COMPARISON, {"voiceprints_a": texts, "vectors_b": vectors}, model="ge2e")["result"]["scores"] == scores


def test_merging(ask: Callable[..., dict[str, Any]], voices: list[dict[str, Any]]) -> None:
    """A merged voiceprint compares and converts like any other, and its speech is the sum of its parts'."""
    merged = ask(MERGING, {"voiceprints": [voice["voiceprint"] for voice in voices]})["result"]
    assert merged["speech_length"] == pytest.approx(sum(voice["speech_length"] for voice in voices))
    converted = ask(CONVERSION, {"voiceprints": [merged["voiceprint"]]})["result"]["vector_voiceprints"][0]
    assert np.linalg.norm(converted) == pytest.approx(1, abs=1e-6)
    parts = {"voiceprints_a": [merged["voiceprint"]], "voiceprints_b": [voice["voiceprint"] for voice in voices]}
    values = ask(COMPARISON, parts)["result"]["scores"]["values"]
    assert max(values) > 2


@pytest.mark.parametrize("technology", ["comparison", "merging", "conversion"])
def test_other_spaces_are_refused(
    ask: Callable[..., dict[str, Any]], voices: list[dict[str, Any]], technology: str
) -> None:
    """Voiceprints of two models are compared, merged and converted by nobody, and the faulty one is named."""
    (other,) = ask(EXTRACTION, RECORDINGS / "demo.flac", model="mfcc-stats")["result"]["channels"]
    mixed = [voices[0]["voiceprint"], other["voiceprint"]]
    body = (
        {"voiceprints_a": mixed[:1], "voiceprints_b": mixed} if technology == "comparison" else {"voiceprints": mixed}
    )
    answer = ask(TECHNOLOGIES[technology], body)
    assert answer["task"]["state"] == "rejected"
    (fault,) = answer["error"]["detail"]
    assert fault["type"] == "voiceprint.space-mismatch"
    assert fault["location"] == ["body", "voiceprints_b" if technology == "comparison" else "voiceprints", 1]
    assert "mfcc-stats" in fault["message"]


def test_scores_that_mean_nothing(ask: Callable[..., dict[str, Any]]) -> None:
    """Scores of a model without calibration are refused, and the message says what makes one."""
    (other,) = ask(EXTRACTION, RECORDINGS / "demo.flac", model="mfcc-stats")["result"]["channels"]
    answer = ask(COMPARISON, {"voiceprints_a": [other["voiceprint"]], "voiceprints_b": [other["voiceprint"]]})
    assert answer["task"]["state"] == "rejected"
    assert "voiceprint calibrate" in answer["error"]["message"]
    (one,) = ask(EXTRACTION, RECORDINGS / "demo.flac")["result"]["channels"]
    unknown = {"voiceprints_a": [one["voiceprint"]], "voiceprints_b": [one["voiceprint"]]}
    assert "made" in ask(COMPARISON, unknown, profile="nobodys")["error"]["message"]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"voiceprints_a": ["AAAA"]}, ["body"]),
        ({"voiceprints_a": ["AAAA"] * 1001, "voiceprints_b": ["AAAA"] * 1000}, ["body"]),
        ({"vectors_a": [[1.0]], "voiceprints_b": ["AAAA"]}, ["body"]),
        ({"vectors_a": [[1.0]], "voiceprints_b": ["AAAA"], "model": "other"}, ["body", "model"]),
        ({"voiceprints_a": ["A"], "voiceprints_b": ["AAAA"]}, ["body", "voiceprints_a", 0]),
    ],
)
def test_bodies_that_are_refused_at_once(scoring: Appliance, body: dict[str, Any], location: list[str]) -> None:
    """Missing sides, too many pairs, vectors of no model and what is no Base64 are a 422 that says where."""
    with scoring.client() as client:
        answer: httpx.Response = client.post(COMPARISON, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["location"] == location
