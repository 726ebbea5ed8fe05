"""A recording in, one voiceprint per channel out."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgpack

from schemas import json, quality, voiceprint
from schemas.listening import ListeningParameters
from schemas.quality import Judgement, Thresholds
from schemas.technologies import Flag, Technology
from schemas.voiceprint import Voiceprint


class ExtractionParameters(ListeningParameters):
    """As for every technology that listens; `include_vector_voiceprint` returns the vectors as well."""

    include_vector_voiceprint: Flag = False


def judged(found: Voiceprint, thresholds: Thresholds) -> Judgement | None:
    """What is said of the quality that `found` holds; None when it was not measured."""
    measured = quality.unpack(found.quality)
    return None if measured is None else quality.judged(measured, found.speech_length, thresholds)


def pack(
    containers: Sequence[bytes], *, include_vector: bool, judgements: Sequence[Judgement | None] | None = None
) -> bytes:
    """The stored result: the containers themselves, from which all else that is shown is read, and the judgement of the
    recording's quality for each, which depends on the settings of the day."""
    said = [
        judgement and (judgement.verdict, judgement.reasons) for judgement in judgements or [None] * len(containers)
    ]
    return bytes(msgpack.packb({"include_vector": include_vector, "containers": list(containers), "judgements": said}))


def channel(
    found: Voiceprint, container: bytes, *, include_vector: bool, judgement: Judgement | None = None
) -> dict[str, Any]:
    """One channel as the contract shows it; the vector is the container's, never recomputed."""
    shown: dict[str, Any] = {
        "channel_number": found.channel_number,
        "voiceprint": voiceprint.to_base64(container),
        "speech_length": found.speech_length,
        "model": found.model,
    }
    measured = quality.unpack(found.quality)
    if measured is not None and judgement is not None:
        shown["quality"] = quality.shown(measured, found.speech_length, judgement)
    if include_vector:
        shown["vector_voiceprint"] = found.spoken_vector
    return shown


def render(stored: BinaryIO) -> Iterator[bytes]:
    result = msgpack.unpackb(stored.read())
    include_vector = result["include_vector"]
    containers = result["containers"]
    # Results of the version before have none.
    judgements = result.get("judgements") or [None] * len(containers)
    channels = [
        channel(voiceprint.decode(c), c, include_vector=include_vector, judgement=said and Judgement(*said))
        for c, said in zip(containers, judgements, strict=True)
    ]
    yield json.encode({"channels": channels})


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-extraction",
    summary="Extracts a voiceprint from every channel of a recording.",
    render=render,
    parameters=ExtractionParameters,
)
