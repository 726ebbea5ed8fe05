"""Figures that the results of several technologies show, described once."""

from typing import Annotated

from pydantic import Field

ChannelNumber = Annotated[
    int, Field(ge=0, description="The channel's number in the recording, counted from 0; 0 for the mean of several.")
]
SpeechLength = Annotated[float, Field(ge=0, description="Net speech, in seconds.")]
# Not there in results that an earlier version has stored; a factory, since a default would stand in descriptions.
ProcessedAudioLength = Annotated[
    float,
    Field(
        default_factory=float,
        ge=0,
        description="How much of the recording was listened to, in seconds: from the start of the range until enough "
        "speech was found, or to the end of the range or of the recording.",
    ),
]
StartTime = Annotated[float, Field(ge=0, description="In seconds from the beginning of the recording.")]
EndTime = Annotated[float, Field(gt=0, description="In seconds from the beginning of the recording.")]
EncodedVoiceprint = Annotated[str, Field(min_length=1, description="A voiceprint: its bytes as Base64.")]
VoiceprintVector = Annotated[
    list[float], Field(description="A voiceprint's vector, as long as its model's vectors are; empty without speech.")
]
