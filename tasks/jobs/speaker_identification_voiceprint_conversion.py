"""Voiceprints to their vectors. No network runs: a vector is read from where its extraction put it."""

from schemas import documents
from schemas.errors import Detail
from schemas.technologies import speaker_identification_voiceprint_conversion as technology
from tasks import voiceprints
from tasks.jobs import Work


def run(work: Work) -> bytes:
    """Raises TaskValidationError that names every bad voiceprint by its index, VoiceprintSpaceMismatch for vectors that
    could not be told apart once they are bare numbers."""
    faults: list[Detail] = []
    texts = documents.load(work.input)["voiceprints"]
    found = voiceprints.read(texts, "voiceprints", faults, work.stop, work.signatures)
    if found:
        voiceprints.require_space(found, "voiceprints", voiceprints.first(found).space, faults)
    voiceprints.refuse(faults)
    return technology.pack(one.vectors for one in voiceprints.in_order(found))
