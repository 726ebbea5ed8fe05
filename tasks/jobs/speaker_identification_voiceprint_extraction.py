"""A recording to one voiceprint per channel."""

from typing import cast

from schemas import voiceprint
from schemas.technologies import speaker_identification_voiceprint_extraction as technology
from tasks.jobs import Work
from tasks.listening import listen


def run(work: Work) -> bytes:
    """Raises as `listen` does."""
    parameters = cast("technology.ExtractionParameters", work.parameters)
    voiceprints = listen(work)
    containers = [voiceprint.encode(found) for found in voiceprints]
    judgements = [technology.judged(found, work.quality) for found in voiceprints]
    return technology.pack(containers, include_vector=parameters.include_vector_voiceprint, judgements=judgements)
