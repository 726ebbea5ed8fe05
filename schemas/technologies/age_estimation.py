"""A recording in, the age of every channel's speaker out."""

from typing import Any, BinaryIO

from schemas import rows
from schemas.figures import ChannelNumber, ProcessedAudioLength
from schemas.listening import ListeningParameters
from schemas.representations import Tree
from schemas.technologies import Result, Technology
from schemas.technologies.age_estimation_voiceprints import VoiceprintAge, age


class ChannelAge(VoiceprintAge):
    """What is told of one channel's speaker; the age is null without enough speech."""

    channel_number: ChannelNumber
    processed_audio_length: ProcessedAudioLength


class ChannelAges(Result):
    """One for each channel that was listened to."""

    channels: list[ChannelAge]


def _channel(number: int, speech_length: float, years: int | None, *processed: float) -> dict[str, Any]:
    """`processed` is nothing in a result that an earlier version has stored."""
    listened = {"processed_audio_length": processed[0]} if processed else {}
    return {"channel_number": number, **age(speech_length, years), **listened}


def show(stored: BinaryIO) -> Tree:
    return {"channels": rows.items(stored, _channel)}


TECHNOLOGY = Technology(
    name="age-estimation",
    summary="Estimates the age of every channel's speaker, in years; needs a head that is not shipped.",
    show=show,
    result=ChannelAges,
    parameters=ListeningParameters,
    head="age",
)
