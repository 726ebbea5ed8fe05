"""A stream of voiceprints of any length in, ours and those of other systems; of every one its vector out, or the reason
why it has none."""

from typing import Annotated, BinaryIO, Literal, Self

from pydantic import Field, model_validator

from schemas import converted
from schemas.bounded import MOST_VALUES
from schemas.representations import ARROW, NDJSON, Tree
from schemas.technologies import Flag, Parameters, Result, Technology
from schemas.voiceprint import NAME_CHARACTERS

_Dimension = Annotated[int, Field(ge=1, le=MOST_VALUES)]
_Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS)]
_Field = Annotated[str, Field(min_length=1, max_length=256)]


class BulkConversionParameters(Parameters):
    """What cannot be told from the voiceprints, and what is made of their vectors; these are as they came where nothing
    is asked."""

    model_name: Annotated[
        _Name | None,
        Field(description="The model that made those that do not say so; others that say another are rejects."),
    ] = None
    dimension: Annotated[
        _Dimension | None, Field(description="How many values a vector has; as many as the first, when not given.")
    ] = None
    normalise: Annotated[Flag, Field(description="Make vectors of unit length.")] = False
    to_dimension: Annotated[
        _Dimension | None, Field(description="Keep the first so many values, of models that are trained for it.")
    ] = None
    column: Annotated[
        _Field | None, Field(description="The column or field that holds them, where it cannot be told.")
    ] = None
    key: Annotated[
        _Field | None, Field(description="The column or field that names them; `id`, `key` or `name` if there.")
    ] = None
    raw: Annotated[
        Literal["float32", "float16"] | None,
        Field(description="Take bytes or Base64 of nothing but numbers, little-endian, for a vector."),
    ] = None

    @model_validator(mode="after")
    def _fewer(self) -> Self:
        if self.dimension and self.to_dimension and self.to_dimension > self.dimension:
            raise ValueError("to_dimension must not be greater than dimension")
        return self


class BulkConversion(Result):
    """What came of the body. The rows themselves are what another `Accept` is answered with."""

    rows: Annotated[int, Field(ge=0, description="How many rows the body has: vectors and rejects.")]
    vectors: Annotated[int, Field(ge=0, description="How many of them have a vector.")]
    rejects: Annotated[int, Field(ge=0, description="How many have none.")]
    dimension: Annotated[int | None, Field(description="Values of a vector; null where there is none.")]
    models: Annotated[
        dict[str, int],
        Field(description="How many vectors are of each model; those beyond the first thousand have an empty name."),
    ]
    reject_types: Annotated[dict[str, int], Field(description="How many rejects are of each type.")]


def show(stored: BinaryIO) -> Tree:
    return converted.summary(stored)


TECHNOLOGY = Technology(
    name="speaker-identification-voiceprint-bulk-conversion",
    summary="Turns a stream of stored voiceprints, of any length, into a stream of their vectors.",
    show=show,
    forms={NDJSON: converted.lines, ARROW: converted.table},
    result=BulkConversion,
    parameters=BulkConversionParameters,
    streams=(NDJSON, ARROW),
)
