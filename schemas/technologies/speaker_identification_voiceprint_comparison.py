"""Two lists of voiceprints in, a calibrated log-likelihood ratio for every pair out."""

import struct
from collections.abc import Iterator
from typing import Annotated, BinaryIO, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, model_validator

from schemas.representations import ARROW, Numbers, Tree, arrow
from schemas.technologies import Document, ModelName, Parameters, ProfileName, Result, Shown, Technology
from schemas.voiceprint_lists import MAXIMUM_VOICEPRINTS, VoiceprintList

MAXIMUM_SCORES = 1_000_000
_COUNTS = struct.Struct("<II")
# Scores rendered at a time: a fifth of a megabyte of text, or half of one as they are.
_BLOCK, _TABLE_BLOCK = 1 << 14, 1 << 17

# One fault for each vector: a list of a million texts would be a million of them.
Vector = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=1 << 16, fail_fast=True)]
VectorList = Annotated[list[Vector], Field(min_length=1, max_length=MAXIMUM_VOICEPRINTS)]


def _either(side: str) -> JsonValue:
    return {"oneOf": [{"required": [f"voiceprints_{side}"]}, {"required": [f"vectors_{side}"]}]}


class ComparisonParameters(Parameters):
    """`model`: whose vectors are compared, where there are bare ones. `profile`: the audio source profile by whose mean
    and calibration scores are made."""

    model: ModelName | None = None
    profile: ProfileName | None = None


class ComparisonDocument(Document):
    """On each side `voiceprints_…`, containers as Base64, or `vectors_…`, lists of numbers, none for no speech: 1 to
    50,000 each, a million pairs in all. `model` and `profile` may stand here as well as among the parameters."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_either("a"), _either("b")]})

    voiceprints_a: VoiceprintList | None = None
    voiceprints_b: VoiceprintList | None = None
    vectors_a: VectorList | None = None
    vectors_b: VectorList | None = None
    model: ModelName | None = None
    profile: ProfileName | None = None

    @model_validator(mode="after")
    def _sides(self, info: ValidationInfo) -> Self:
        sizes = []
        for side, given in (
            ("a", (self.voiceprints_a, self.vectors_a)),
            ("b", (self.voiceprints_b, self.vectors_b)),
        ):
            there = [one for one in given if one is not None]
            if len(there) != 1:
                raise ValueError(f"give either voiceprints_{side} or vectors_{side}")
            sizes.append(len(there[0]))
        if sizes[0] * sizes[1] > MAXIMUM_SCORES:
            raise ValueError(f"{sizes[0]} times {sizes[1]} are more than {MAXIMUM_SCORES} pairs")
        bare = self.vectors_a is not None or self.vectors_b is not None
        parameters = (info.context or {}).get("parameters")
        if bare and parameters is not None and not (self.model or getattr(parameters, "model", None)):
            raise ValueError("vectors need `model`, the name of the model whose they are")
        return self


class ScoreMatrix(Shown):
    """A row for each of b and a column for each of a: `values[j * columns_count + i]` scores a[i] with b[j]."""

    columns_count: Annotated[int, Field(ge=1, description="How many there are of a.")]
    rows_count: Annotated[int, Field(ge=1, description="How many there are of b.")]
    values: Annotated[
        list[float],
        Field(
            min_length=1,
            max_length=MAXIMUM_SCORES,
            description="Natural log-likelihood ratios, row by row: 0 is undecided, above 2 it is the same speaker "
            "with high probability.",
        ),
    ]


class Comparison(Result):
    """The scores of every pair."""

    scores: ScoreMatrix


def pack(scores: npt.NDArray[np.float32]) -> bytes:
    """The stored result of `scores`, shape (rows, columns): a row for each of b, a column for each of a."""
    return _COUNTS.pack(*scores.shape) + scores.astype("<f4", copy=False).tobytes()


def unpack(stored: BinaryIO) -> npt.NDArray[np.float32]:
    """The scores of a stored result, as `pack` took them."""
    rows, columns = _COUNTS.unpack(stored.read(_COUNTS.size))
    return np.frombuffer(stored.read(), "<f4").reshape(rows, columns)


def show(stored: BinaryIO) -> Tree:
    rows, columns = _COUNTS.unpack(stored.read(_COUNTS.size))
    values = Numbers(rows * columns, _numbers(stored, _BLOCK))
    return {"scores": {"columns_count": columns, "rows_count": rows, "values": values}}


def table(stored: BinaryIO) -> Iterator[bytes]:
    """Arrow: a row for each of b, with its scores against every one of a."""
    _, columns = _COUNTS.unpack(stored.read(_COUNTS.size))
    blocks = _numbers(stored, columns * max(1, _TABLE_BLOCK // columns))
    return arrow.stream("scores", ((np.full(len(block) // columns, columns), block) for block in blocks))


def _numbers(stored: BinaryIO, most: int) -> Iterator[npt.NDArray[np.float32]]:
    while block := stored.read(4 * most):
        yield np.frombuffer(block, "<f4")


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-comparison",
    summary="Scores every pair of two lists of voiceprints: log-likelihood ratios.",
    show=show,
    forms={ARROW: table},
    result=Comparison,
    parameters=ComparisonParameters,
    document=ComparisonDocument,
)
