"""A recording to one voiceprint per channel."""

from typing import cast

from onnx_models.stages import CONTAINER, stage
from schemas.technologies import speaker_identification_voiceprint_extraction as technology
from tasks.jobs import Work
from tasks.listening import listen


def run(work: Work) -> bytes:
    """Raises as `listen` does."""
    parameters = cast("technology.ExtractionParameters", work.parameters)
    channels = listen(work)
    with stage(CONTAINER):
        return technology.pack(
            [work.signatures.encode(one.voiceprint) for one in channels],
            include_vector=parameters.include_vector_voiceprint,
            judgements=[technology.judged(one.voiceprint, work.quality) for one in channels],
            processed=[one.processed for one in channels],
        )
