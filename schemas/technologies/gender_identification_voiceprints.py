"""Voiceprints in, out how likely each is a man's or a woman's."""

import math
from typing import Annotated, Any, BinaryIO

from pydantic import Field

from schemas import rows
from schemas.figures import SpeechLength
from schemas.representations import Tree
from schemas.technologies import Result, Shown, Technology
from schemas.voiceprint_lists import VoiceprintsDocument


class GenderScore(Shown):
    """How likely a voice is of one gender."""

    score_llr: Annotated[
        float, Field(description="The natural logarithm of how much likelier the voice is from this gender.")
    ]
    probability: Annotated[float, Field(ge=0, le=1, description="Where both genders are equally frequent.")]


class VoiceprintGender(Shown):
    """What is told of one voiceprint; both scores are null without enough speech."""

    speech_length: SpeechLength
    score_male: GenderScore | None
    score_female: GenderScore | None


class VoiceprintGenders(Result):
    """One for each voiceprint, in the order of the input."""

    results: list[VoiceprintGender]


def gender(speech_length: float, llr: float | None) -> dict[str, Any]:
    """Both scores of `llr`, the natural logarithm of p(voice | male) over p(voice | female); null without it."""
    return {
        "speech_length": speech_length,
        "score_male": None if llr is None else _score(llr),
        "score_female": None if llr is None else _score(-llr),
    }


def _score(llr: float) -> dict[str, float]:
    """With its probability where both sexes are equally frequent; those of `llr` and `-llr` sum to 1."""
    # Not 1 / (1 + exp(-llr)), which overflows.
    return {"score_llr": llr, "probability": (1 + math.tanh(llr / 2)) / 2}


def show(stored: BinaryIO) -> Tree:
    return {"results": rows.items(stored, gender)}


TECHNOLOGY = Technology(
    name="gender-identification-voiceprints",
    summary="Tells how likely voiceprints are those of a man or a woman.",
    show=show,
    result=VoiceprintGenders,
    document=VoiceprintsDocument,
    head="gender",
)
