"""What a caller may say about which part of a recording is listened to."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from schemas.technologies import ModelName, Parameters
from schemas.technologies.speaker_identification_voiceprint_extraction import ChannelMode, Channels

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
