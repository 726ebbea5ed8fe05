"""Voiceprints to vectors, as `voiceprint convert` asks for it: the work around `conversion.py`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from schemas.bounded import HEAD_BYTES, MOST_VALUES
from schemas.errors import ConfigurationError, VoiceprintError
from schemas.formats import Asked, Fault, parquet
from tasks.bulk import batches, places
from tasks.bulk.conversion import MODEL, SPACE, VECTOR, Conversion, Form, added, first
from tasks.bulk.means import Means
from tasks.bulk.places import Source
from tasks.bulk.work import Done, Part, Piece, grouped

# Rows of a part, or its files, and their bytes, where a file cannot be cut.
_PART_ROWS, _PART_FILES, _PART_BYTES = 1 << 18, 4096, 1 << 28


@dataclass(frozen=True, slots=True)
class Converting:
    """The options of `voiceprint convert`. `dimension` is how many values a vector must have: as many as the first
    that is good, when None. Of `one_space`, vectors are all of the embedding space of that one, which is `space`."""

    NAME: ClassVar[str] = "convert"
    ROWS: ClassVar[str] = "rows"
    PROCESS_BYTES: ClassVar[int] = 1 << 24

    dimension: int | None = None
    model: str | None = None
    normalise: bool = False
    to_dimension: int | None = None
    dtype: Literal["float32", "float16"] = "float32"
    column: str | None = None
    key: str | None = None
    raw: Literal["float32", "float16"] | None = None
    one_space: bool = False
    space: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what cannot be."""
        try:
            _ = self.form
        except VoiceprintError as error:
            raise ConfigurationError(error.message) from error

    @property
    def form(self) -> Form:
        # As many as there can be: what is asked of them fits.
        dimension = self.dimension or MOST_VALUES
        return Form(dimension, self.model, self.normalise, self.to_dimension, self.dtype, self.space)

    @property
    def asked(self) -> Asked:
        return Asked(self.column, self.key, self.raw, self.dimension)

    def sources(self, inputs: Iterable[str]) -> list[Source]:
        return places.find(inputs)

    def settled(self, sources: Sequence[Source], begun: "Converting | None", means: Means) -> "Converting":
        """Of as many values as the first voiceprint has that is good, where there is one."""
        if self.dimension is not None and not self.one_space:
            return self
        if begun is not None:
            return replace(self, dimension=self.dimension or begun.dimension, space=begun.space)
        signatures = means.signatures()
        for source in sources:
            for batch in batches.read(source.path, self.asked):
                if isinstance(batch, Fault) or (found := first(batch, self.raw, signatures)) is None:
                    continue
                dimension, model, space = found
                if model is None and self.model is None:
                    raise ConfigurationError(
                        f"nothing in {source.path} says which model made its voiceprints: name the model with --model"
                    )
                one_space = space or self.model if self.one_space else None
                return replace(self, dimension=self.dimension or dimension, space=one_space)
        return replace(self, dimension=self.dimension or self.to_dimension or 1)

    def parts(self, sources: Sequence[Source], rows_per_file: int | None) -> Iterator[Part]:
        rows = rows_per_file or _PART_ROWS
        return grouped(self._pieces(sources, rows), files=_PART_FILES, size=_PART_BYTES, rows=rows)

    def done(self, pieces: Iterable[tuple[str, Piece]], means: Means) -> Iterator[Done]:
        convert = Conversion(self.form, signatures=means.signatures(), raw=self.raw)
        for path, piece in pieces:
            for batch in batches.read(path, replace(self.asked, groups=piece.groups)):
                if isinstance(batch, Fault):
                    yield Done(path, 1, batch)
                else:
                    yield Done(path, len(batch), convert(batch))

    def fields(self) -> list[Any]:
        written = {MODEL, SPACE, VECTOR}
        return [*batches.fields(), *(one for one in added(self.form) if one.name in written)]

    def told(self) -> dict[str, Any]:
        form = self.form
        told = {"dimension": form.values, "dtype": form.dtype, "normalised": form.normalise}
        return told | ({"from_dimension": form.dimension} if form.to_dimension else {})

    def _pieces(self, sources: Sequence[Source], rows_per_file: int) -> Iterator[Piece]:
        """Every source whole, but row groups of Parquet by themselves."""
        for number, source in enumerate(sources):
            groups = _groups(source, self.asked)
            if groups is None:
                yield Piece(number, size=source.size)
                continue
            begin, rows, size = 0, 0, 0
            for group, (count, bytes_) in enumerate(groups):
                if rows and rows + count > rows_per_file:
                    yield Piece(number, (begin, group), rows, size)
                    begin, rows, size = group, 0, 0
                rows, size = rows + count, size + bytes_
            yield Piece(number, (begin, len(groups)), rows, size)


def _groups(source: Source, asked: Asked) -> list[tuple[int, int]] | None:
    """Rows and bytes of each row group; None where there are none, or the file cannot be read, which is told later."""
    try:
        with places.opened(source.path) as file:
            if not parquet.recognises(file.read(HEAD_BYTES)):
                return None
            file.seek(0)
            return parquet.groups(file, asked) or None
    except (VoiceprintError, OSError):
        return None
