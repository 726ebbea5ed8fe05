"""What a caller may say about which part of a recording is listened to."""

from typing import Annotated, Self

from pydantic import Field, model_validator

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

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.range_to is not None and self.range_to <= (self.range_from or 0.0):
            raise ValueError("range_to must be greater than range_from")
        return self
