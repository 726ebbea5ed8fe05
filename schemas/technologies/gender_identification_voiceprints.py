"""Voiceprints in, out how likely each is a man's or a woman's."""

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from schemas import rows
from schemas.technologies import Technology
from schemas.voiceprint_lists import VoiceprintsDocument


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


def render(stored: BinaryIO) -> Iterator[bytes]:
    return rows.render(stored, "results", gender)


TECHNOLOGY = Technology(
    name="gender-identification-voiceprints",
    summary="Tells how likely voiceprints are those of a man or a woman.",
    render=render,
    document=VoiceprintsDocument,
    head="gender",
)
