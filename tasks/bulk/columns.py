"""Columns of Arrow batches as what is read of voiceprints: text or bytes, lists of numbers, and whose they are."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas import arrow, cells
from schemas.bounded import MOST_VALUES
from schemas.errors import VoiceprintMalformed
from schemas.formats import MODEL_NAMES, floats
from schemas.voiceprint import NAME_CHARACTERS


def texts(column: Any) -> cells.Column:
    """A column of text or bytes, without a copy; a null is a cell with nothing in it."""
    column = arrow.bytes_of(column)
    if column.null_count:
        column = column.fill_null(b"")
    _, places, data = column.buffers()
    kind = np.dtype(np.int32 if column.type == arrow.pyarrow().binary() else np.int64)
    if not len(column):
        return cells.Column.of([])
    offsets: npt.NDArray[np.integer] = np.frombuffer(places, kind, len(column) + 1, column.offset * kind.itemsize)
    return cells.Column(memoryview(data or b""), offsets)


def named(found: Iterable[cells.Found | cells.Unusable], batch: Any) -> Iterator[cells.Found | cells.Unusable]:
    """The same vectors, of the models and spaces that the columns of these names tell, where there are both."""
    columns = [batch.column(name) for name in MODEL_NAMES if name in batch.schema.names]
    if len(columns) < 2 or not all(arrow.is_text(one.type) for one in columns):
        yield from found
        return
    (models, of_model), (spaces, of_space) = map(_codes, columns)
    codes = of_model * len(spaces) + of_space
    for one in found:
        if isinstance(one, cells.Unusable):
            yield one
            continue
        for code in np.unique(codes[one.places]).tolist():
            same = codes[one.places] == code
            some = one if same.all() else replace(one, places=one.places[same], vectors=one.vectors[same])
            model, space = models[code // len(spaces)], spaces[code % len(spaces)]
            if any(len((name or "").encode()) > NAME_CHARACTERS for name in (model, space)):
                error = VoiceprintMalformed(f"the name of its model or space has more than {NAME_CHARACTERS} bytes")
                yield from (cells.Unusable(place, error) for place in some.places.tolist())
            else:
                yield replace(some, model=model, space=space or model) if model else some


def _codes(column: Any) -> tuple[list[str | None], npt.NDArray[np.int64]]:
    """The texts of a column, None among them, and of each row which it has."""
    encoded = arrow.texts(column).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    return [*texts, None], encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False).astype(np.int64)


def lists(column: Any) -> Iterator[cells.Found | cells.Unusable]:
    """A column of lists of numbers."""
    pa = arrow.pyarrow()
    lacking = column.is_null().to_numpy(zero_copy_only=False)
    values = column.flatten()
    if pa.types.is_fixed_size_list(column.type):
        lengths = np.where(lacking, 0, column.type.list_size)
    else:
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    starts = np.zeros(len(column), np.int64)
    np.cumsum(lengths[:-1], out=starts[1:])
    numbers = floats(values.to_numpy(zero_copy_only=False))
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        if not 0 < length <= MOST_VALUES:
            error = VoiceprintMalformed("there is no vector" if not length else f"a vector of {length:,} values")
            yield from (cells.Unusable(place, error) for place in places.tolist())
            continue
        if len(places) * length == len(numbers):
            vectors = numbers.reshape(len(places), length)
        else:
            vectors = numbers[starts[places][:, np.newaxis] + np.arange(length)]
        yield cells.Found(places, vectors)
