"""A recording in, out who speaks when in every channel. Declared, and not there yet."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, BinaryIO

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from schemas import rows
from schemas.figures import ChannelNumber, EndTime, StartTime
from schemas.listening import RecordingParameters
from schemas.representations import Tree
from schemas.technologies import Result, Shown, Technology


def _plain_integer(value: Any) -> Any:
    """A whole number as the query string writes it: pydantic would take `1_0` for 10."""
    return int(value) if isinstance(value, str) and re.fullmatch("-?[0-9]{1,20}", value) else value


# As many as the gRPC interface can name.
SpeakerCount = Annotated[int, BeforeValidator(_plain_integer), Field(gt=0, lt=1 << 31, strict=True)]


class DiarizationParameters(RecordingParameters):
    """As for every technology that takes recordings. `max_speakers`: there are no more in a channel; `total_speakers`:
    there are exactly so many. Not both."""

    max_speakers: Annotated[SpeakerCount, Field(description="There are no more in a channel.")] | None = None
    total_speakers: Annotated[SpeakerCount, Field(description="There are exactly so many in a channel.")] | None = None

    @field_validator("total_speakers")
    @classmethod
    def _not_both(cls, total: int | None, info: ValidationInfo) -> int | None:
        if total is not None and info.data.get("max_speakers") is not None:
            raise ValueError("must not be given together with max_speakers")
        return total


class SpeakerSegment(Shown):
    """A stretch of one speaker's speech."""

    speaker_id: Annotated[int, Field(ge=0, description="The speaker's number in this channel.")]
    start_time: StartTime
    end_time: EndTime


class ChannelSpeakers(Shown):
    """Who speaks when in one channel."""

    channel_number: ChannelNumber
    speakers_count: Annotated[int, Field(ge=0, description="How many speakers were told apart.")]
    segments: Annotated[list[SpeakerSegment], Field(description="In order of their start, within the range.")]


class Diarization(Result):
    """One for each channel that was listened to."""

    channels: list[ChannelSpeakers]


def _channel(number: int, speakers: int, segments: Sequence[tuple[int, float, float]]) -> dict[str, Any]:
    return {
        "channel_number": number,
        "speakers_count": speakers,
        "segments": [{"speaker_id": speaker, "start_time": start, "end_time": end} for speaker, start, end in segments],
    }


def show(stored: BinaryIO) -> Tree:
    return {"channels": rows.items(stored, _channel)}


TECHNOLOGY = Technology(
    name="speaker-diarization",
    summary="Tells who speaks when in every channel of a recording; not there yet.",
    show=show,
    result=Diarization,
    parameters=DiarizationParameters,
    missing="this appliance cannot tell the speakers of one channel apart yet: record every speaker in a channel of "
    "their own, and use voice-activity-detection, which tells for each channel when there is speech",
)
