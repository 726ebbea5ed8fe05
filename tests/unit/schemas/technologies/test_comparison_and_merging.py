"""What a comparison and a merging take, and how their results are shown."""

import io
import json as standard
from typing import Any

import numpy as np
import pydantic
import pytest

from schemas import json
from schemas.technologies import speaker_identification_voiceprint_comparison as comparison
from schemas.technologies import speaker_identification_voiceprint_merging as merging
from schemas.voiceprint import decode, encode, from_base64
from tests.unit.schemas.sample_voiceprints import same, voiceprint

TEXT = "Wk9WUAEA"
A, B = {"voiceprints_a": [TEXT]}, {"voiceprints_b": [TEXT]}


def check(document: dict[str, Any], **parameters: str) -> comparison.ComparisonDocument:
    """As the HTTP process checks it."""
    given = comparison.ComparisonParameters(**parameters)
    context = {"parameters": given, "models": ("ge2e", "other")}
    return comparison.ComparisonDocument.model_validate(document, context=context)


def test_scores_in_the_order_of_the_contract() -> None:
    """Scores are shown row by row, with a row for each of b and a column for each of a."""
    scores = np.array([[1, 2, 3], [4, 5.5, -0.25]], np.float32)
    shown = b"".join(comparison.TECHNOLOGY.render(io.BytesIO(comparison.pack(scores))))
    assert standard.loads(shown) == {
        "scores": {"columns_count": 3, "rows_count": 2, "values": [1.0, 2.0, 3.0, 4.0, 5.5, -0.25]}
    }


def test_many_scores_in_blocks() -> None:
    """Scores that need many blocks read back to the same float32 values, and no block is large."""
    scores = np.random.default_rng(0).normal(0, 9, (301, 499)).astype(np.float32)
    blocks = list(comparison.TECHNOLOGY.render(io.BytesIO(comparison.pack(scores))))
    shown = json.decode(b"".join(blocks))["scores"]
    assert np.array_equal(np.array(shown["values"], np.float32).reshape(301, 499), scores)
    assert max(map(len, blocks)) < 1 << 20


@pytest.mark.parametrize(
    "document",
    [
        A | B,
        {"vectors_a": [[0.6, 0.8]], "model": "ge2e"} | B,
        {"vectors_a": [[1]], "vectors_b": [[], [0.5]], "model": "ge2e", "profile": "telephone"},
        A | {"voiceprints_b": [TEXT] * 50_000, "vectors_b": None, "more": 1},
        {"voiceprints_a": [TEXT] * 1000, "voiceprints_b": [TEXT] * 1000},
    ],
)
def test_documents_that_are_taken(document: dict[str, Any]) -> None:
    """Voiceprints or vectors of a named model on either side, up to a million pairs."""
    check(document)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({}, "either voiceprints_a or vectors_a"),
        (A, "either voiceprints_b or vectors_b"),
        (A | B | {"vectors_b": [[1.0]], "model": "ge2e"}, "either voiceprints_b or vectors_b"),
        (A | {"voiceprints_b": []}, "at least 1"),
        (A | {"voiceprints_b": ["no Base64!"]}, "not Base64"),
        (A | {"voiceprints_b": [TEXT] * 50_001}, "at most 50000"),
        ({"voiceprints_a": [TEXT] * 1001, "voiceprints_b": [TEXT] * 1000}, "1001 times 1000 are more than 1000000"),
        ({"vectors_a": [[1.0]]} | B, "need `model`"),
        ({"vectors_a": [[1.0]], "model": "third"} | B, "served here: ge2e, other"),
        ({"vectors_a": [["1.0"]], "model": "ge2e"} | B, "valid number"),
        ({"vectors_a": [[True]], "model": "ge2e"} | B, "valid number"),
        ({"vectors_a": [[float("nan")]], "model": "ge2e"} | B, "finite"),
        ({"vectors_a": [1.0], "model": "ge2e"} | B, "valid list"),
        ({"vectors_a": [], "model": "ge2e"} | B, "at least 1"),
        (A | B | {"profile": ""}, "at least 1 character"),
    ],
)
def test_documents_that_are_refused(document: dict[str, Any], fault: str) -> None:
    """Missing or double sides, too many pairs, vectors without a model and things that are no vectors are named."""
    with pytest.raises(pydantic.ValidationError, match=fault):
        check(document)


def test_the_model_may_be_a_parameter() -> None:
    """Vectors need a model, and the request's parameter names it as well as the body does."""
    assert check({"vectors_a": [[1.0]]} | B, model="ge2e").model is None


def test_one_fault_for_each_vector() -> None:
    """A vector of many wrong values is one fault, not one for each of them."""
    with pytest.raises(pydantic.ValidationError) as caught:
        check({"vectors_a": [["x"] * 5000] * 3, "model": "ge2e"} | B)
    assert caught.value.error_count() == 3


def test_merged_voiceprint_is_shown() -> None:
    """A merging shows its container and the speech length that is in it."""
    made = voiceprint(merged=3)
    shown = standard.loads(b"".join(merging.TECHNOLOGY.render(io.BytesIO(encode(made)))))
    assert shown.keys() == {"voiceprint", "speech_length"}
    assert shown["speech_length"] == made.speech_length
    assert same(decode(from_base64(shown["voiceprint"])), made)


@pytest.mark.parametrize("count", [0, 1, 50_001])
def test_too_few_or_many_to_merge(count: int) -> None:
    """Fewer than two voiceprints are nothing to merge, and more than 50,000 are too many."""
    with pytest.raises(pydantic.ValidationError, match=r"at least 2|at most 50000"):
        merging.MergingDocument.model_validate({"voiceprints": [TEXT] * count})
