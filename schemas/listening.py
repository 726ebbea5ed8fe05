"""What a caller may say about which part of a recording is listened to."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from schemas.technologies import ModelName, Parameters

_NUMBER = re.compile(r"[+-]?([0-9]{1,1000}\.?[0-9]{0,1000}|\.[0-9]{1,1000})([eE][+-]?[0-9]{1,10})?")
_NOT_FINITE = {"nan", "inf", "infinity"}


def _numbers(value: Any) -> Any:
    """`0,1` in the query string; a list or a single number in a config."""
    if isinstance(value, str):
        if not re.fullmatch("-?[0-9]{1,1000}(,-?[0-9]{1,1000})*", value):
            raise ValueError("must be channel numbers from 0, separated by commas and nothing else, such as 0,1")
        return tuple(int(number) for number in value.split(","))
    return (value,) if isinstance(value, int) else value


def plain_number(value: Any) -> Any:
    """A number as JSON and the query string write it: pydantic would take `1_0` for 10 and true for 1."""
    if isinstance(value, str) and value.lower().lstrip("+-") in _NOT_FINITE:
        raise PydanticCustomError("finite_number", "must be a finite number of seconds")
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise PydanticCustomError("float_parsing", "must be a number of seconds, such as 12.5")
    return value


ChannelMode = Annotated[
    Literal["split", "mix"], Field(description="`split`: every channel by itself. `mix`: the mean of the channels.")
]
# Bounded as in the voiceprint, because the task record must be able to hold them.
Channel = Annotated[int, Field(ge=0, lt=1 << 32, strict=True)]
Channels = Annotated[
    tuple[Channel, ...],
    BeforeValidator(_numbers),
    Field(min_length=1, max_length=256, description="Only these channels, counted from 0; all when not set."),
]
# Longer than any recording, and few enough to be counted in samples.
MAXIMUM_SECONDS = 1_000_000
_Length = Annotated[float, BeforeValidator(plain_number), Field(le=MAXIMUM_SECONDS, allow_inf_nan=False)]
Seconds = Annotated[_Length, Field(ge=0)]


class RecordingParameters(Parameters):
    """`channel_mode` split: every channel by itself; mix: their mean. `channels`: those numbers only, from 0. From
    `range_from` to `range_to` in seconds."""

    LISTS = frozenset({"channels"})

    channel_mode: ChannelMode = "split"
    channels: Channels | None = None
    range_from: Annotated[Seconds, Field(description="Where listening begins, in seconds.")] | None = None
    range_to: Annotated[Seconds, Field(description="Where it ends, in seconds, after `range_from`.")] | None = None

    @field_validator("range_to")
    @classmethod
    def _after_its_start(cls, end: float | None, info: ValidationInfo) -> float | None:
        if end is not None and end <= (info.data.get("range_from") or 0.0):
            raise ValueError("must be greater than range_from")
        return end


class ListeningParameters(RecordingParameters):
    """As for every technology that takes recordings; as far as `max_speech_length` seconds of net speech. `model`: one
    of those that are served; the default when not set."""

    max_speech_length: (
        Annotated[_Length, Field(gt=0, description="How many seconds of net speech are enough to stop listening.")]
        | None
    ) = None
    model: ModelName | None = None
