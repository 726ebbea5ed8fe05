"""A recording in, out how likely the voice of every channel is a man's or a woman's."""

from typing import Any, BinaryIO

from schemas import rows
from schemas.figures import ChannelNumber, ProcessedAudioLength
from schemas.listening import ListeningParameters
from schemas.representations import Tree
from schemas.technologies import Result, Technology
from schemas.technologies.gender_identification_voiceprints import VoiceprintGender, gender


class ChannelGender(VoiceprintGender):
    """What is told of one channel; both scores are null without enough speech."""

    channel_number: ChannelNumber
    processed_audio_length: ProcessedAudioLength


class ChannelGenders(Result):
    """One for each channel that was listened to."""

    channels: list[ChannelGender]


def _channel(number: int, speech_length: float, llr: float | None, *processed: float) -> dict[str, Any]:
    """`processed` is nothing in a result that an earlier version has stored."""
    listened = {"processed_audio_length": processed[0]} if processed else {}
    return {"channel_number": number, **gender(speech_length, llr), **listened}


def show(stored: BinaryIO) -> Tree:
    return {"channels": rows.items(stored, _channel)}


TECHNOLOGY = Technology(
    name="gender-identification",
    summary="Tells how likely the voice of every channel is a man's or a woman's.",
    show=show,
    result=ChannelGenders,
    parameters=ListeningParameters,
    head="gender",
)
