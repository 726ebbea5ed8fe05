"""Voiceprints in, the ages of their speakers out."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from schemas import rows
from schemas.technologies import Technology
from schemas.voiceprint_lists import VoiceprintsDocument


def age(speech_length: float, years: int | None) -> dict[str, Any]:
    """`years` is null without enough speech."""
    return {"speech_length": speech_length, "age": years}


def render(stored: BinaryIO) -> Iterator[bytes]:
    return rows.render(stored, "results", age)


TECHNOLOGY = Technology(
    name="age-estimation-voiceprints",
    summary="Estimates the age of voiceprints' speakers, in years; needs a head that is not shipped.",
    render=render,
    document=VoiceprintsDocument,
    head="age",
)
