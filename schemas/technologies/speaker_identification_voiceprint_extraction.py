"""A recording in, one voiceprint per channel out."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, BinaryIO, Literal

import msgpack
from pydantic import BeforeValidator, Field

from schemas import json, quality, voiceprint
from schemas.quality import Judgement, Thresholds
from schemas.technologies import ModelName, Parameters, Technology
from schemas.voiceprint import Voiceprint


def _numbers(value: Any) -> Any:
    """`0,1` in the query string; a list or a single number in a config."""
    if isinstance(value, str):
        if not re.fullmatch("-?[0-9]{1,1000}(,-?[0-9]{1,1000})*", value):
            raise ValueError("must be channel numbers from 0, separated by commas and nothing else, such as 0,1")
        return tuple(int(number) for number in value.split(","))
    return (value,) if isinstance(value, int) else value


ChannelMode = Literal["split", "mix"]
# Bounded as in the voiceprint, because the task record must be able to hold them.
Channel = Annotated[int, Field(ge=0, lt=1 << 32, strict=True)]
Channels = Annotated[tuple[Channel, ...], BeforeValidator(_numbers), Field(min_length=1, max_length=256)]


class ExtractionParameters(Parameters):
    """`channel_mode` split: every channel by itself; mix: one voiceprint of their mean. `channels`: those numbers only,
    from 0. `max_speech_length`: seconds of net speech after which the rest is not looked at. `model`: one of those that
    are served; the default when not set."""

    channel_mode: ChannelMode = "split"
    channels: Channels | None = None
    include_vector_voiceprint: bool = False
    max_speech_length: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    model: ModelName | None = None


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
