"""A recording in, one voiceprint per channel out."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, BinaryIO, Literal

import msgpack
from pydantic import BeforeValidator, Field

from schemas import json, voiceprint
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


def pack(containers: Sequence[bytes], *, include_vector: bool) -> bytes:
    """The stored result: the containers themselves, from which everything that is shown is read."""
    return bytes(msgpack.packb({"include_vector": include_vector, "containers": list(containers)}))


def channel(found: Voiceprint, container: bytes, *, include_vector: bool) -> dict[str, Any]:
    """One channel as the contract shows it; the vector is the container's, never recomputed."""
    shown: dict[str, Any] = {
        "channel_number": found.channel_number,
        "voiceprint": voiceprint.to_base64(container),
        "speech_length": found.speech_length,
        "model": found.model,
    }
    if include_vector:
        shown["vector_voiceprint"] = found.spoken_vector
    return shown


def render(stored: BinaryIO) -> Iterator[bytes]:
    result = msgpack.unpackb(stored.read())
    include_vector = result["include_vector"]
    channels = [channel(voiceprint.decode(c), c, include_vector=include_vector) for c in result["containers"]]
    yield json.encode({"channels": channels})


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-extraction",
    summary="Extracts a voiceprint from every channel of a recording.",
    render=render,
    parameters=ExtractionParameters,
)
