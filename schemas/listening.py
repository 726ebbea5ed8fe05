"""What a caller may say about which part of a recording is listened to."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from schemas.technologies import ModelName, Parameters


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
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ListeningParameters(Parameters):
    """`channel_mode` split: every channel by itself; mix: their mean. `channels`: those numbers only, from 0. From
    `range_from` to `range_to` in seconds, as far as `max_speech_length` seconds of net speech. `model`: one of those
    that are served; the default when not set."""

    channel_mode: ChannelMode = "split"
    channels: Channels | None = None
    range_from: Seconds | None = None
    range_to: Seconds | None = None
    max_speech_length: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    model: ModelName | None = None

    @field_validator("range_to")
    @classmethod
    def _after_its_start(cls, end: float | None, info: ValidationInfo) -> float | None:
        if end is not None and end <= (info.data.get("range_from") or 0.0):
            raise ValueError("must be greater than range_from")
        return end
