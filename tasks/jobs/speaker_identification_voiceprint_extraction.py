"""A recording to one voiceprint per channel."""

from typing import cast

from schemas import voiceprint
from schemas.errors import MediaError
from schemas.technologies import speaker_identification_voiceprint_extraction as technology
from tasks.jobs import Work


def run(work: Work) -> bytes:
    """Raises the MediaError that says why the recording cannot be used, with its kind as the one detail."""
    parameters = cast("technology.ExtractionParameters", work.parameters)
    try:
        voiceprints = work.models.extractor(parameters.model).extract(
            work.input,
            channel_mode=parameters.channel_mode,
            channels=parameters.channels,
            max_speech_length=parameters.max_speech_length,
            created_ms=work.created_ms,
            media_sha256=work.input_sha256,
            stop=work.stop,
        )
    except MediaError as error:
        raise type(error)(error.message, [error.at("body", "file")]) from error
    containers = [voiceprint.encode(found) for found in voiceprints]
    judgements = [technology.judged(found, work.quality) for found in voiceprints]
    return technology.pack(containers, include_vector=parameters.include_vector_voiceprint, judgements=judgements)
