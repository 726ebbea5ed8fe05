"""Voiceprints in, the ages of their speakers out."""

from typing import Annotated, Any, BinaryIO

from pydantic import Field

from schemas import rows
from schemas.figures import SpeechLength
from schemas.representations import Tree
from schemas.technologies import Result, Shown, Technology
from schemas.voiceprint_lists import VoiceprintsDocument


class VoiceprintAge(Shown):
    """What is told of one voiceprint's speaker; the age is null without enough speech."""

    speech_length: SpeechLength
    age: Annotated[int | None, Field(ge=0, le=120, description="In years.")]


class VoiceprintAges(Result):
    """One for each voiceprint, in the order of the input."""

    results: list[VoiceprintAge]


def age(speech_length: float, years: int | None) -> dict[str, Any]:
    """`years` is null without enough speech."""
    return {"speech_length": speech_length, "age": years}


def show(stored: BinaryIO) -> Tree:
    return {"results": rows.items(stored, age)}


TECHNOLOGY = Technology(
    name="age-estimation-voiceprints",
    summary="Estimates the age of voiceprints' speakers, in years; needs a head that is not shipped.",
    show=show,
    result=VoiceprintAges,
    document=VoiceprintsDocument,
    head="age",
)
