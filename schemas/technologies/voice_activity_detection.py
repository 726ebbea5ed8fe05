"""A recording in, out where every channel has speech."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import Field

from schemas import rows
from schemas.figures import ChannelNumber, EndTime, ProcessedAudioLength, SpeechLength, StartTime
from schemas.listening import RecordingParameters
from schemas.representations import Tree
from schemas.technologies import Result, Shown, Technology


class VoiceSegment(Shown):
    """A stretch of speech."""

    segment_type: Annotated[Literal["voice"], Field(description="What is heard.")]
    start_time: StartTime
    end_time: EndTime


class ChannelActivity(Shown):
    """Where one channel has speech."""

    channel_number: ChannelNumber
    speech_length: SpeechLength
    processed_audio_length: ProcessedAudioLength
    segments: Annotated[list[VoiceSegment], Field(description="In order, apart from each other, within the range.")]


class Activity(Result):
    """One for each channel that was listened to."""

    channels: list[ChannelActivity]


def pack(channels: Iterable[tuple[int, float, float, Sequence[tuple[float, float]]]]) -> bytes:
    """The stored result of channels: number, seconds of speech, seconds listened to, segments [start, end) in
    seconds."""
    return rows.pack(channels)


def _channel(
    number: int, speech_length: float, processed: float, segments: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    return {
        "channel_number": number,
        "speech_length": speech_length,
        "processed_audio_length": processed,
        "segments": [{"segment_type": "voice", "start_time": start, "end_time": end} for start, end in segments],
    }


def show(stored: BinaryIO) -> Tree:
    return {"channels": rows.items(stored, _channel)}


TECHNOLOGY = Technology(
    name="voice-activity-detection",
    summary="Tells where every channel of a recording has speech.",
    show=show,
    result=Activity,
    parameters=RecordingParameters,
)
