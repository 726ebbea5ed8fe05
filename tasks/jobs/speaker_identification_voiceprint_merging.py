"""Several voiceprints of one speaker to one: the mean of their vectors, weighted by speech length."""

import hashlib
import math

import numpy as np

from onnx_models.scoring import unit
from schemas import documents
from schemas.errors import Detail, TaskValidationError
from schemas.voiceprint import Voiceprint
from tasks import voiceprints
from tasks.jobs import Work

_MOST_MERGED = (1 << 32) - 1


def run(work: Work) -> bytes:
    """The merged container. Raises TaskValidationError that names every bad voiceprint by its index."""
    faults: list[Detail] = []
    texts = documents.load(work.input)["voiceprints"]
    found = voiceprints.read(texts, "voiceprints", faults, work.stop, work.signatures)
    if found:
        space = voiceprints.first(found).space
        card = work.models.card(space)
        voiceprints.require_space(found, "voiceprints", space, faults)
        same = [one for one in found if one.voiceprints.space == space]
        voiceprints.require_dimension(same, "voiceprints", card, faults)
    voiceprints.refuse(faults)
    parts = [part for one in voiceprints.in_order(found) for part in one.each()]
    return work.signatures.encode(merged(parts, card.unit_length, work.created_ms))


def merged(parts: list[Voiceprint], unit_length: bool, created_ms: int) -> Voiceprint:
    """One voiceprint that stands for `parts`, all of one embedding space; those without speech add nothing to it.

    The model's name is that of the first. Everything else is the same in whatever order they come. Raises
    TaskValidationError when the vectors cancel each other.
    """
    spoken = sorted((one for one in parts if one.has_speech), key=lambda one: (one.speech_length, one.vector.tobytes()))
    vector = np.zeros(parts[0].dimension, np.float32)
    if spoken:
        weights = np.array([one.speech_length for one in spoken])
        # A voiceprint says that there is speech by its vector; of lengths that are all 0, none weighs more.
        weights = weights if weights.any() else np.ones(len(spoken))
        mean = np.average([one.vector for one in spoken], axis=0, weights=weights)
        vector = (unit(mean) if unit_length else mean).astype(np.float32)
        if not vector.any():
            raise TaskValidationError("the vectors of these voiceprints cancel each other: nothing is left to merge")
    digests = sorted(one.media_sha256 for one in parts)
    return Voiceprint(
        model=parts[0].model,
        model_sha256=parts[0].model_sha256,
        space=parts[0].space,
        vector=vector,
        speech_length=math.fsum(one.speech_length for one in parts),
        recording_length=math.fsum(one.recording_length for one in parts),
        sample_rate=min(one.sample_rate for one in parts),
        channel_number=0,
        media_sha256=hashlib.sha256(b"".join(digests)).digest(),
        created_ms=created_ms,
        merged=min(sum(one.merged for one in parts), _MOST_MERGED),
    )
