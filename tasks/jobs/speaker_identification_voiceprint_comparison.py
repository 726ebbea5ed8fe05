"""Two lists of voiceprints, or of bare vectors, to a log-likelihood ratio for every pair. No network runs."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from onnx_models.registry import SpeakerCard
from onnx_models.scoring import Vectors
from schemas import documents
from schemas.errors import Detail, TaskValidationError, VoiceprintMalformed, VoiceprintNotFinite
from schemas.technologies import speaker_identification_voiceprint_comparison as technology
from tasks import voiceprints
from tasks.jobs import Work
from tasks.voiceprints import Found

_LARGEST = float(np.finfo(np.float32).max)


def run(work: Work) -> bytes:
    """Raises TaskValidationError that names everything bad by list and index, VoiceprintSpaceMismatch for voiceprints
    of different embedding spaces; ModelNotServed, ModelUncalibrated or ProfileUnknown."""
    parameters = cast("technology.ComparisonParameters", work.parameters)
    document = documents.load(work.input)
    faults: list[Detail] = []
    found = {
        name: voiceprints.read(document[name], name, faults, work.stop, work.signatures)
        for name in ("voiceprints_a", "voiceprints_b")
        if document.get(name) is not None
    }
    card = _card(work, parameters.model or document.get("model"), found, faults)
    for name, these in found.items():
        voiceprints.require_space(these, name, card.space, faults)
        same = [one for one in these if one.voiceprints.space == card.space]
        voiceprints.require_dimension(same, name, card, faults)
    bare = {
        name: _bare(document[name], name, card, faults)
        for name in ("vectors_a", "vectors_b")
        if document.get(name) is not None
    }
    voiceprints.refuse(faults)
    scorer = work.models.scorer(card.space, parameters.profile or document.get("profile"))
    (vectors_a, speech_a), (vectors_b, speech_b) = (_side(side, found, bare) for side in "ab")
    # More threads would only spin on the cores of other workers.
    with ThreadpoolController().limit(limits=1, user_api="blas"):
        return technology.pack(scorer.llr(vectors_b, speech_b, vectors_a, speech_a))


def _card(work: Work, model: str | None, found: Mapping[str, Sequence[Found]], faults: list[Detail]) -> SpeakerCard:
    """Of the model that is named, else that of the first voiceprint that can be read."""
    if model is not None:
        return work.models.extractor(model).card
    readable = next((these for these in found.values() if these), None)
    if readable is None:
        voiceprints.refuse(faults)
        refused = "bare vectors need `model`, the name of the model whose they are"
        raise TaskValidationError(refused, [Detail(("body", "model"), refused, "missing")])
    return work.models.card(voiceprints.first(readable).space)


def _bare(given: list[list[float]], name: str, card: SpeakerCard, faults: list[Detail]) -> Vectors:
    """Vectors of shape (n, dimension), zeros for those of no length; those that are none are added to `faults`."""
    vectors = np.zeros((len(given), card.dimension), np.float32)
    for index, values in enumerate(given):
        numbers = np.array(values, np.float64)
        if len(numbers) not in (0, card.dimension):
            wrong = VoiceprintMalformed(f"the vector has {len(numbers)} values, those of {card.name} {card.dimension}")
            faults.append(wrong.at("body", name, index))
        elif not (np.abs(numbers) <= _LARGEST).all():
            faults.append(VoiceprintNotFinite("the vector holds numbers that no float32 can").at("body", name, index))
        elif len(numbers):
            vectors[index] = numbers
    return vectors


def _side(
    side: str, found: Mapping[str, Sequence[Found]], bare: Mapping[str, Vectors]
) -> tuple[Vectors, npt.NDArray[np.float64] | None]:
    """Vectors (n, dimension) and, where it is known, seconds of speech (n,)."""
    if f"vectors_{side}" in bare:
        return bare[f"vectors_{side}"], None
    these = found[f"voiceprints_{side}"]
    return voiceprints.vectors(these), voiceprints.speech_lengths(these)
