"""A recording in, out how likely the voice of every channel is a man's or a woman's."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from schemas import rows
from schemas.listening import ListeningParameters
from schemas.technologies import Technology
from schemas.technologies.gender_identification_voiceprints import gender


def _channel(number: int, speech_length: float, llr: float | None) -> dict[str, Any]:
    return {"channel_number": number, **gender(speech_length, llr)}


def render(stored: BinaryIO) -> Iterator[bytes]:
    return rows.render(stored, "channels", _channel)


TECHNOLOGY = Technology(
    name="gender-identification",
    summary="Tells how likely the voice of every channel is a man's or a woman's.",
    render=render,
    parameters=ListeningParameters,
    head="gender",
)
