"""Merged voiceprints, and vectors of voiceprints of one embedding space."""

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest

from onnx_models import registry
from onnx_models.scoring import unit
from schemas.errors import ModelNotServed, TaskValidationError, VoiceprintSpaceMismatch
from schemas.voiceprint import Voiceprint, decode, from_base64
from tests.unit.tasks.jobs.conftest import Run
from tests.unit.tasks.jobs.made_voiceprints import directions, silent, text

MERGING = "speaker-identification-voiceprint-merging"
CONVERSION = "speaker-identification-voiceprint-conversion"
A = directions(4)


def merged(run: Run, *texts: str) -> tuple[Voiceprint, dict[str, Any]]:
    shown = run(MERGING, {"voiceprints": list(texts)})
    return decode(from_base64(shown["voiceprint"])), shown


def test_mean_weighted_by_speech_length(run: Run) -> None:
    """The merged vector is the mean by speech length at unit length, and stands for all speech and all parts."""
    speech = [1.0, 2.5, 8.0]
    found, shown = merged(run, *(text(v, s) for v, s in zip(A, speech, strict=False)))
    assert np.allclose(found.vector, unit(np.average(A[:3], axis=0, weights=speech)), atol=1e-6)
    assert np.linalg.norm(found.vector) == pytest.approx(1)
    assert shown["speech_length"] == found.speech_length == 11.5
    assert found.recording_length == 10.5
    assert (found.merged, found.channel_number, found.quality) == (6, 0, bytes(32))
    assert found.media_sha256 == hashlib.sha256(bytes(range(32, 64)) * 3).digest()


def test_the_order_does_not_matter(run: Run) -> None:
    """Voiceprints of one model give the same container in whatever order they are merged."""
    texts = [
        text(v, s, media_sha256=bytes([i]) * 32) for i, (v, s) in enumerate(zip(A, (0.1, 0.2, 0.3, 7), strict=True))
    ]
    assert len({merged(run, *order)[1]["voiceprint"] for order in itertools.permutations(texts)}) == 1


def test_no_speech_adds_nothing(run: Run) -> None:
    """A part without speech leaves the vector as it is, and parts that have none merge to one without."""
    found, _ = merged(run, text(A[0], 2.0), silent())
    assert np.allclose(found.vector, A[0], atol=1e-7)
    assert found.speech_length == 2.0
    nothing, _ = merged(run, silent(), silent())
    assert not nothing.has_speech
    assert nothing.speech_length == 0


def test_two_files_of_one_space(run: Run) -> None:
    """Parts of two models that share a space merge, and the first one's name stands for both."""
    found, _ = merged(run, text(A[0], model="ge2e-int8", model_sha256=bytes(32)), text(A[1]))
    assert (found.model, found.model_sha256) == ("ge2e-int8", bytes(32))


def test_models_without_unit_length(run: Run) -> None:
    """Where embeddings have a length of their own, the merged vector keeps the mean's."""
    card = registry.speaker_card("mfcc-stats")
    vectors = np.random.default_rng(0).normal(0, 3, (2, card.dimension)).astype(np.float32)
    found, _ = merged(run, *(text(v, 1.0, space=card.space, model=card.name) for v in vectors))
    expected = vectors.mean(axis=0, dtype=np.float64)
    assert np.allclose(found.vector, unit(expected) if card.unit_length else expected, atol=1e-6)


def test_opposites_cancel(run: Run) -> None:
    """Vectors of which nothing is left are refused: they would merge to a voiceprint without speech."""
    with pytest.raises(TaskValidationError, match="cancel"):
        merged(run, text(A[0]), text(-A[0]))


def test_the_merged_is_merged_again(run: Run) -> None:
    """Merging in two steps weighs as merging in one does."""
    step, shown = merged(run, text(A[0], 1.0), text(A[1], 1.0))
    assert step.speech_length == 2.0
    found, _ = merged(run, shown["voiceprint"], text(A[2], 4.0))
    assert found.merged == 6
    assert found.speech_length == 6.0


@pytest.mark.parametrize("technology", [MERGING, CONVERSION])
def test_mixed_spaces_are_refused_by_name(run: Run, technology: str) -> None:
    """Voiceprints of another space than the first one's are refused, each by its index."""
    texts = [text(A[0]), text(A[1], space="another", model="theirs"), text(A[2])]
    with pytest.raises(VoiceprintSpaceMismatch, match=r"another.*theirs") as caught:
        run(technology, {"voiceprints": texts})
    assert [detail.location for detail in caught.value.detail] == [("body", "voiceprints", 1)]


@pytest.mark.parametrize("technology", [MERGING, CONVERSION])
def test_all_faults_at_once(run: Run, technology: str) -> None:
    """Voiceprints that cannot be read and those of another space are named together."""
    texts = ["AAAA", text(A[0]), text(A[1], space="another"), "Wk9W"]
    with pytest.raises(TaskValidationError) as caught:
        run(technology, {"voiceprints": texts})
    assert sorted(detail.location[-1] for detail in caught.value.detail) == [0, 2, 3]


def test_another_models_voiceprints(run: Run) -> None:
    """Conversion needs no model; merging says that it does not know the space, which might not be of unit length."""
    texts = [text(v, space="another") for v in A]
    assert np.array_equal(np.array(run(CONVERSION, {"voiceprints": texts})["vector_voiceprints"], np.float32), A)
    with pytest.raises(ModelNotServed, match="another"):
        run(MERGING, {"voiceprints": texts})
