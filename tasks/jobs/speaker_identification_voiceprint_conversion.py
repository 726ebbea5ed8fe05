"""Voiceprints to their vectors. No network runs: a vector is read from where its extraction put it."""

from collections.abc import Iterator

from onnx_models.scoring import Vectors
from schemas import documents
from schemas.errors import Detail
from schemas.technologies import speaker_identification_voiceprint_conversion as technology
from tasks import voiceprints
from tasks.jobs import Work
from tasks.results import Piece


def run(work: Work) -> Iterator[Piece]:
    """Raises TaskValidationError that names every bad voiceprint by its index, VoiceprintSpaceMismatch for vectors that
    could not be told apart once they are bare numbers."""
    return technology.pack(_vectors(work))


def _vectors(work: Work) -> Iterator[Vectors]:
    """Those of the body in order, as long as nothing is wrong, some at a time."""
    faults: list[Detail] = []
    space = None
    texts = documents.load(work.input)["voiceprints"]
    for found in voiceprints.each(texts, "voiceprints", faults, work.stop, work.signatures):
        if found and space is None:
            space = voiceprints.first(found).space
        if space is not None:
            voiceprints.require_space(found, "voiceprints", space, faults)
        if not faults:
            yield from (one.vectors for one in voiceprints.in_order(found))
    voiceprints.refuse(faults)
