"""A recording in, one voiceprint per channel out."""

from collections.abc import Sequence
from typing import Annotated, Any, BinaryIO

import msgpack
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from schemas import quality, voiceprint
from schemas.figures import ChannelNumber, EncodedVoiceprint, ProcessedAudioLength, SpeechLength, VoiceprintVector
from schemas.listening import ListeningParameters
from schemas.quality import Band, Judgement, Thresholds, Verdict
from schemas.representations import Tree
from schemas.technologies import Flag, Result, Shown, Technology
from schemas.voiceprint import Voiceprint


class ExtractionParameters(ListeningParameters):
    """As for every technology that listens; `include_vector_voiceprint` returns the vectors as well."""

    include_vector_voiceprint: Annotated[Flag, Field(description="Return the vectors as well.")] = False


class RecordingQuality(Shown):
    """What was measured in the speech of one channel. A figure that could not be measured is null."""

    verdict: Annotated[Verdict, Field(description="By the thresholds of this appliance.")]
    reasons: Annotated[list[str], Field(description="Every figure that is not good, with its threshold.")]
    speech_seconds: Annotated[float, Field(ge=0, description="Net speech, in seconds.")]
    clipping_share: Annotated[
        float | None, Field(ge=0, le=1, description="The share of the speech's samples that are cut off.")
    ]
    level_dbfs: Annotated[float | None, Field(description="RMS of the speech, in dB relative to full scale.")]
    snr_db: Annotated[float | None, Field(description="Estimated speech over noise, in dB.")]
    bandwidth_hertz: Annotated[float | None, Field(ge=0, description="Up to where the speech's spectrum reaches.")]
    band: Annotated[Band | None, Field(description="The bandwidth's name.")]


class ExtractedVoiceprint(Shown):
    """The voiceprint of one channel."""

    channel_number: ChannelNumber
    voiceprint: EncodedVoiceprint
    speech_length: SpeechLength
    processed_audio_length: ProcessedAudioLength
    model: Annotated[str, Field(description="The name of the speaker model that made it.")]
    # Factories, since a default would be written into the description of what may be absent.
    quality: Annotated[RecordingQuality | SkipJsonSchema[None], Field(default_factory=lambda: None)]
    vector_voiceprint: Annotated[VoiceprintVector, Field(default_factory=list)]


class Extraction(Result):
    """One for each channel that was listened to."""

    channels: list[ExtractedVoiceprint]


def judged(found: Voiceprint, thresholds: Thresholds) -> Judgement | None:
    """What is said of the quality that `found` holds; None when it was not measured."""
    measured = quality.unpack(found.quality)
    return None if measured is None else quality.judged(measured, found.speech_length, thresholds)


def pack(
    containers: Sequence[bytes],
    *,
    include_vector: bool,
    judgements: Sequence[Judgement | None] | None = None,
    processed: Sequence[float] | None = None,
) -> bytes:
    """The stored result: the containers themselves, from which nearly all that is shown is read; for each the judgement
    of the recording's quality, which depends on the settings of the day, and the seconds that were processed."""
    said = [
        judgement and (judgement.verdict, judgement.reasons) for judgement in judgements or [None] * len(containers)
    ]
    stored = {"include_vector": include_vector, "containers": list(containers), "judgements": said}
    return bytes(msgpack.packb(stored | ({} if processed is None else {"processed": list(processed)})))


def channel(
    found: Voiceprint,
    container: bytes,
    *,
    include_vector: bool,
    judgement: Judgement | None = None,
    processed: float | None = None,
) -> dict[str, Any]:
    """One channel as the contract shows it; the vector is the container's, never recomputed."""
    shown: dict[str, Any] = {
        "channel_number": found.channel_number,
        "voiceprint": voiceprint.to_base64(container),
        "speech_length": found.speech_length,
        "model": found.model,
    }
    if processed is not None:
        shown["processed_audio_length"] = processed
    measured = quality.unpack(found.quality)
    if measured is not None and judgement is not None:
        shown["quality"] = quality.shown(measured, found.speech_length, judgement)
    if include_vector:
        shown["vector_voiceprint"] = found.spoken_vector
    return shown


def show(stored: BinaryIO) -> Tree:
    """The containers were made here, and the file store vouches for the result."""
    result = msgpack.unpackb(stored.read())
    include_vector = result["include_vector"]
    containers = result["containers"]
    # Results of earlier versions have none.
    judgements, processed = (result.get(name) or [None] * len(containers) for name in ("judgements", "processed"))
    channels = [
        channel(
            voiceprint.decode_vouched(container),
            container,
            include_vector=include_vector,
            judgement=said and Judgement(*said),
            processed=seconds,
        )
        for container, said, seconds in zip(containers, judgements, processed, strict=True)
    ]
    return {"channels": channels}


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-extraction",
    summary="Extracts a voiceprint from every channel of a recording.",
    show=show,
    result=Extraction,
    parameters=ExtractionParameters,
)
