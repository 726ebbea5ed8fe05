"""Scores of voiceprints and of bare vectors."""

from typing import Any

import numpy as np
import pytest

from schemas.errors import (
    ModelNotServed,
    ModelUncalibrated,
    ProfileUnknown,
    TaskValidationError,
    VoiceprintSpaceMismatch,
)
from tests.unit.tasks.jobs.conftest import CALIBRATION, Run
from tests.unit.tasks.jobs.made_voiceprints import SPACE, directions, silent, text

COMPARISON = "speaker-identification-voiceprint-comparison"
A, B = directions(3), directions(4, seed=1)


def documents(a: list[str], b: list[str]) -> dict[str, list[str]]:
    return {"voiceprints_a": a, "voiceprints_b": b}


def matrix(shown: Any) -> Any:
    """Scores of shape (rows, columns)."""
    scores = shown["scores"]
    return np.array(scores["values"], np.float32).reshape(scores["rows_count"], scores["columns_count"])


def test_every_pair_in_its_place(run: Run) -> None:
    """Row j and column i hold the calibrated score of a[i] with b[j], with what their speech lengths make of it."""
    speech_a, speech_b = [1.0, 5.0, 30.0], [0.5, 2.0, 8.0, 60.0]
    a, b = ([text(v, s) for v, s in zip(*side, strict=True)] for side in ((A, speech_a), (B, speech_b)))
    shown = run(COMPARISON, documents(a, b))
    assert (shown["scores"]["columns_count"], shown["scores"]["rows_count"]) == (3, 4)
    expected = CALIBRATION.llr(B.astype(float) @ A.T.astype(float), speech_b, speech_a)
    assert np.allclose(matrix(shown), expected, atol=1e-5)


def test_both_orders_score_alike(run: Run) -> None:
    """Scores are the same to the bit when a and b change places, and when a pair is scored alone."""
    a, b = [text(v, 1.7) for v in A], [text(v, 3.1) for v in B]
    forth, back = matrix(run(COMPARISON, documents(a, b))), matrix(run(COMPARISON, documents(b, a)))
    assert np.array_equal(forth, back.T)
    alone = matrix(run(COMPARISON, documents(a[1:2], b[3:])))
    assert alone.item() == forth[3, 1]


def test_the_same_voiceprint(run: Run) -> None:
    """A voiceprint scores highest with itself."""
    scores = matrix(run(COMPARISON, documents([text(v) for v in A], [text(v) for v in A])))
    assert (scores.argmax(axis=0) == [0, 1, 2]).all()


def test_no_speech_is_no_evidence(run: Run) -> None:
    """A voiceprint without speech, or a vector of no values, scores 0 with everything, itself included."""
    scores = matrix(run(COMPARISON, documents([silent(), text(A[0])], [silent(), text(A[0])])))
    assert scores[0].tolist() == [0.0, 0.0]
    assert scores[1, 0] == 0.0
    assert scores[1, 1] > 0
    bare = {"voiceprints_a": [text(A[0])], "vectors_b": [[], [0.0] * 256], "model": "ge2e"}
    assert matrix(run(COMPARISON, bare)).tolist() == [[0.0], [0.0]]


def test_bare_vectors(run: Run) -> None:
    """Vectors of a named model score as voiceprints of long speech do, of whatever length they are."""
    expected = CALIBRATION.slope * (B @ A.T) + CALIBRATION.offset
    bare = {"vectors_a": A.tolist(), "vectors_b": (B * 7).tolist()}
    by_parameter = matrix(run(COMPARISON, bare, model="ge2e"))
    assert np.allclose(by_parameter, expected, atol=1e-4)
    assert np.array_equal(matrix(run(COMPARISON, bare | {"model": "ge2e"})), by_parameter)
    half = {"voiceprints_a": [text(v, 1e9) for v in A], "vectors_b": B.tolist(), "model": "ge2e"}
    assert np.allclose(matrix(run(COMPARISON, half)), expected, atol=1e-4)


def test_everything_bad_is_named(run: Run) -> None:
    """Each voiceprint that cannot be used is one detail with its list and its index."""
    foreign, other_length = text(A[0], space="another", model="theirs"), text(A[0][:8] * 2)
    a = [text(A[0]), "AAAA", foreign]
    with pytest.raises(TaskValidationError) as caught:
        run(COMPARISON, documents(a, [text(A[0]), "Wk9WUAEA", other_length]))
    assert [(detail.location, detail.type) for detail in caught.value.detail] == [
        (("body", "voiceprints_a", 1), "voiceprint.wrong-magic"),
        (("body", "voiceprints_a", 2), "voiceprint.space-mismatch"),
        (("body", "voiceprints_b", 1), "voiceprint.truncated"),
        (("body", "voiceprints_b", 2), "voiceprint.malformed"),
    ]
    assert "voiceprints_a.1" in caught.value.message


def test_other_spaces_are_refused_by_name(run: Run) -> None:
    """Voiceprints of another embedding space are refused, and both spaces are named."""
    with pytest.raises(VoiceprintSpaceMismatch, match=f"another.*{SPACE}") as caught:
        run(COMPARISON, documents([text(A[0])], [text(v, space="another") for v in B]))
    assert [detail.location for detail in caught.value.detail] == [("body", "voiceprints_b", i) for i in range(4)]
    with pytest.raises(VoiceprintSpaceMismatch):
        run(COMPARISON, documents([text(A[0])], [text(A[0])]), model="mfcc-stats")


@pytest.mark.parametrize(
    ("vector", "fault"),
    [([0.5] * 255, "voiceprint.malformed"), ([0.5] * 255 + [1e39], "voiceprint.not-finite")],
)
def test_vectors_that_are_none(run: Run, vector: list[float], fault: str) -> None:
    """A vector of another length, or with a number that no float32 holds, is named by its list and index."""
    with pytest.raises(TaskValidationError) as caught:
        run(COMPARISON, {"vectors_a": [A[0].tolist(), vector], "vectors_b": B.tolist()}, model="ge2e")
    assert [(detail.location, detail.type) for detail in caught.value.detail] == [(("body", "vectors_a", 1), fault)]


def test_vectors_of_nobody(run: Run) -> None:
    """Without the name of their model, vectors are not scored."""
    with pytest.raises(TaskValidationError, match="need `model`"):
        run(COMPARISON, {"vectors_a": A.tolist(), "vectors_b": B.tolist()})
    with pytest.raises(ModelNotServed, match="other"):
        run(COMPARISON, {"vectors_a": A.tolist(), "vectors_b": B.tolist(), "model": "other"})


def test_profiles(run: Run) -> None:
    """An audio source profile is chosen by the request, and one that is not there is refused by name."""
    given = documents([text(A[0])], [text(A[0])])
    assert run(COMPARISON, given | {"profile": "made"}) == run(COMPARISON, given, profile="made")
    with pytest.raises(ProfileUnknown, match=r"nobodys.*made"):
        run(COMPARISON, given, profile="nobodys")


def test_models_without_calibration(run: Run) -> None:
    """Scores of a model that has no calibration are refused with what makes one."""
    with pytest.raises(ModelUncalibrated, match="voiceprint calibrate"):
        run(COMPARISON, {"vectors_a": [[1.0] * 80], "vectors_b": [[1.0] * 80]}, model="mfcc-stats")
