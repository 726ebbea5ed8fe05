"""The core of work in bulk: one pure function from an Arrow batch of voiceprints to an Arrow batch of vectors.

It has as many rows as what it is given, in the same order: each has a vector or the reason why it has none. So it can
be called by whatever deals out Arrow batches: the command line's processes, Ray Data, Spark's `mapInArrow`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from schemas import arrow, cells
from schemas.errors import (
    VoiceprintError,
    VoiceprintMalformed,
    VoiceprintModelUnknown,
    VoiceprintNoSpeech,
    VoiceprintNotFinite,
    VoiceprintSpaceMismatch,
)
from schemas.formats import Floats
from schemas.formats.raw_floats import KINDS
from schemas.signatures import UNSIGNED, Signatures
from schemas.voiceprint import NAME_CHARACTERS
from schemas.voiceprint_blocks import Places
from schemas.voiceprint_columns import told_apart
from tasks.bulk import columns

VOICEPRINT, VECTOR = "voiceprint", "vector"
# Columns that the function adds; a row has a vector, or a fault of a kind with its reason.
MODEL, SPACE, KIND, FAULT = "model", "space", "fault_type", "fault"

_NO_SPEECH = "the recording had no speech, so there is no vector"
_TOO_LARGE = "a number in it is too large for what it is to be rounded to"
_NO_MODEL = "nothing in it says which model made it, and none was named"


@dataclass(frozen=True, slots=True)
class Form:
    """What is made of a vector. As it is unless asked otherwise: `dimension` is how many values it must have, and
    `space` its embedding space, any when None; `to_dimension` keeps the first so many, `normalise` makes it of unit
    length after that, `dtype` is what it is rounded to last."""

    dimension: int
    model: str | None = None
    normalise: bool = False
    to_dimension: int | None = None
    dtype: Literal["float32", "float16"] = "float32"
    space: str | None = None

    def __post_init__(self) -> None:
        if self.to_dimension is not None and not 0 < self.to_dimension <= self.dimension:
            raise VoiceprintMalformed(
                f"of vectors of {self.dimension} values the first {self.to_dimension} cannot be kept"
            )
        if self.model is not None and not 0 < len(self.model.encode()) <= NAME_CHARACTERS:
            raise VoiceprintMalformed(f"the name of a model has 1 to {NAME_CHARACTERS} bytes")

    @property
    def values(self) -> int:
        """How many a vector has at the end."""
        return self.to_dimension or self.dimension

    def type(self) -> Any:
        """Arrow's type of the vectors: a list of fixed size, in which no value is null."""
        pa = arrow.pyarrow()
        kind = pa.float16() if self.dtype == "float16" else pa.float32()
        return pa.list_(pa.field("item", kind, nullable=False), self.values)

    def names(self, found: cells.Found) -> tuple[str, str]:
        """Model and space of what has the form."""
        return found.model or self.model or "", found.space or self.model or ""

    def shaped(self, vectors: Floats) -> npt.NDArray[np.floating]:
        """Of vectors (n, dimension) those of this form (n, values)."""
        made: npt.NDArray[np.floating] = vectors[:, : self.values]
        if self.normalise:
            wide = made.astype(np.float64)
            lengths = np.sqrt(np.vecdot(wide, wide))
            with np.errstate(all="ignore"):
                made = (wide / lengths[:, np.newaxis]).astype(np.float32)
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(made, np.dtype(KINDS[self.dtype]))


class Conversion:
    """Voiceprints or vectors to vectors of one form.

    `columns` names the column of voiceprints or of vectors. Containers are taken as `signatures` says; `raw` is
    `float32` or `float16` where cells are bare numbers.
    """

    def __init__(
        self, form: Form, *, column: str = VOICEPRINT, signatures: Signatures = UNSIGNED, raw: str | None = None
    ) -> None:
        self.form = form
        self._column = column
        self._reader = cells.Reader(signatures, None if raw is None else KINDS[raw])

    def __call__(self, batch: Any) -> Any:
        """`batch` with the columns `model`, `space`, `vector`, `fault_type` and `fault` in place of its voiceprints.

        Where it has texts `model` and `space` beside vectors, those are the vectors'. Other columns stay as they are.
        Raises ConfigurationError without pyarrow, VoiceprintMalformed for a column of another kind.
        """
        pa = arrow.pyarrow()
        made = _Made(self.form, len(batch))
        for found in self.read(batch):
            if isinstance(found, cells.Unusable):
                made.refuse([found.place], found.error)
            else:
                made.take(found)
        kept = [one for one in batch.schema if one.name != self._name(batch) and one.name not in _ADDED]
        return pa.RecordBatch.from_arrays(
            [*(batch.column(one.name) for one in kept), *made.columns()],
            schema=pa.schema([*kept, *added(self.form)]),
        )

    def read(self, batch: Any) -> Iterator[cells.Found | cells.Unusable]:
        """What is in every row of the column, of whatever form."""
        column = batch.column(self._name(batch))
        if arrow.pyarrow().types.is_nested(column.type):
            yield from columns.named(columns.lists(column), batch)
        else:
            yield from self._reader.read(columns.texts(column))

    def _name(self, batch: Any) -> str:
        names = batch.schema.names
        return VECTOR if self._column not in names and VECTOR in names else self._column


def first(batch: Any, raw: str | None, signatures: Signatures) -> tuple[int, str | None, str | None] | None:
    """Dimension, model and space of the first voiceprint of a batch that has a vector; None where there is none."""
    found = [
        (int(place), one.vectors.shape[1], one.model, one.space)
        for one in Conversion(Form(1), signatures=signatures, raw=raw).read(batch)
        if isinstance(one, cells.Found)
        for place in one.places[np.logical_and(*told_apart(one.vectors))][:1]
    ]
    return min(found, key=lambda one: one[0])[1:] if found else None


_ADDED = (MODEL, SPACE, VECTOR, KIND, FAULT)


def added(form: Form) -> list[Any]:
    """The fields that a conversion adds to a batch."""
    pa = arrow.pyarrow()
    names = pa.dictionary(pa.int32(), pa.string())
    kinds = (names, names, form.type(), pa.string(), pa.string())
    return [pa.field(name, kind) for name, kind in zip(_ADDED, kinds, strict=True)]


def fitting(
    found: cells.Found, form: Form, refuse: Callable[[Iterable[int], VoiceprintError], None]
) -> tuple[Places, npt.NDArray[np.floating]]:
    """Where those of `found` are that have the form, and their vectors (n, values) in it; `refuse` is given the places
    of the others, and why."""
    places, vectors = found.places, found.vectors
    if (error := _amiss(found, form)) is not None:
        refuse(places.tolist(), error)
        return places[:0], np.zeros((0, form.values), KINDS[form.dtype])
    finite, spoken = told_apart(vectors)
    if not (finite & spoken).all():
        refuse(places[~finite].tolist(), VoiceprintNotFinite("NaN or infinity is among its numbers"))
        refuse(places[finite & ~spoken].tolist(), VoiceprintNoSpeech(_NO_SPEECH))
        places, vectors = places[finite & spoken], vectors[finite & spoken]
    shaped = form.shaped(vectors)
    if form.dtype != "float32" or form.normalise:
        kept, _ = told_apart(shaped.astype(np.float32))
        if not kept.all():
            refuse(places[~kept].tolist(), VoiceprintNotFinite(_TOO_LARGE))
            places, shaped = places[kept], shaped[kept]
    return places, shaped


class _Made:
    """The rows of one batch."""

    def __init__(self, form: Form, count: int) -> None:
        self._form, self._count = form, count
        self._vectors: npt.NDArray[np.floating] | None = None
        self._codes = np.zeros(count, np.int32)
        self._names: dict[tuple[str, str], int] = {}
        self._faults: dict[int, VoiceprintError] = {}

    def refuse(self, places: Iterable[int], error: VoiceprintError) -> None:
        for place in places:
            self._faults[place] = error

    def take(self, found: cells.Found) -> None:
        """Those of `found` that have the form, and faults for the others."""
        form = self._form
        places, shaped = fitting(found, form, self.refuse)
        if not len(places):
            return
        self._codes[places] = self._names.setdefault(form.names(found), len(self._names))
        if len(places) == self._count:
            # Nearly always: nothing is copied.
            self._vectors = shaped
            return
        if self._vectors is None:
            self._vectors = np.zeros((self._count, form.values), shaped.dtype)
        self._vectors[places] = shaped

    def columns(self) -> list[Any]:
        """The columns that `added` names."""
        pa, form = arrow.pyarrow(), self._form
        vectors = self._vectors
        if vectors is None:
            vectors = np.zeros((self._count, form.values), KINDS[form.dtype])
        values = pa.array(vectors.reshape(-1), type=form.type().value_type)
        refused = [self._faults.get(place) for place in range(self._count)] if self._faults else []
        if not refused:
            mask, told = None, [pa.nulls(self._count, pa.string())] * 2
        else:
            mask = pa.array([error is not None for error in refused])
            told = [
                pa.array([error and error.kind for error in refused], pa.string()),
                pa.array([error and error.message for error in refused], pa.string()),
            ]
        named = [pa.array([names[which] for names in self._names], pa.string()) for which in (0, 1)]
        codes = pa.array(self._codes, mask=None if mask is None else np.asarray(mask))
        return [
            *(pa.DictionaryArray.from_arrays(codes, names) for names in named),
            pa.FixedSizeListArray.from_arrays(values, type=form.type(), mask=mask),
            *told,
        ]


def _amiss(found: cells.Found, form: Form) -> VoiceprintError | None:
    """What all of `found` have against the form."""
    if found.model is None and form.model is None:
        return VoiceprintModelUnknown(_NO_MODEL)
    if found.model is not None and form.model not in (None, found.model):
        return VoiceprintSpaceMismatch(f"it is of the model {found.model}, not of {form.model}")
    if found.vectors.shape[1] != form.dimension:
        return VoiceprintSpaceMismatch(
            f"it has {found.vectors.shape[1]:,} values where this output has vectors of {form.dimension:,}: convert it "
            "into an output of its own"
        )
    if form.space not in (None, space := found.space or form.model):
        return VoiceprintSpaceMismatch(f"it is of the embedding space {space}, where this output is of {form.space}")
    return None
