"""What a format writes, its reader gives back, bit for bit."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies
from hypothesis.extra.numpy import arrays

from schemas import cells, formats
from schemas.formats import Asked, Cells
from schemas.voiceprint import from_base64
from tasks.bulk.conversion import Form
from tasks.bulk.converting import Converting
from tasks.bulk.job import written
from tasks.bulk.part import schema
from tests.unit.schemas.formats.sample_files import flat
from tests.unit.schemas.sample_voiceprints import PROPERTY

KEYS = strategies.text(strategies.characters(min_codepoint=33, exclude_categories=("Z", "C")), min_size=1, max_size=9)


def shape(form: Form) -> Any:
    """The schema of what a conversion writes."""
    return schema(Converting(form.dimension, dtype=form.dtype))


def batches(vectors: Any, keys: list[str | None], form: Form) -> list[Any]:
    """As a part hands them to a writer, in two batches whose dictionaries grow."""
    made, half = [], len(vectors) // 2 + 1
    for begin, end in ((0, half), (half, len(vectors))):
        rows = end - begin
        values = pa.array(vectors[begin:end].reshape(-1), form.type().value_type)
        names = [pa.array(["a", "b"][: begin + 1 + (begin > 0)])] * 2
        codes = np.full(rows, len(names[0]) - 1, np.int32)
        columns = [
            pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array(["s"])),
            pa.array(range(begin, end), pa.int64()),
            pa.array(keys[begin:end], pa.string()),
            *(pa.DictionaryArray.from_arrays(codes, one) for one in names),
            pa.FixedSizeListArray.from_arrays(values, type=form.type()),
        ]
        if rows:
            made.append(pa.RecordBatch.from_arrays(columns, schema=shape(form).remove_metadata()))
    return made


@pytest.mark.parametrize("name", written())
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_round_trip(name: str, dtype: Any) -> None:
    """Vectors of any finite values, keys of any letters, several models; of float16 as of float32."""
    width = 16 if dtype == "float16" else 32
    numbers = strategies.floats(allow_nan=False, allow_infinity=False, width=width)  # type: ignore[arg-type]
    vectors_of = arrays(dtype, strategies.tuples(strategies.integers(1, 6), strategies.just(5)), elements=numbers)

    @PROPERTY
    @given(vectors_of, strategies.data())
    def comes_back(vectors: Any, data: strategies.DataObject) -> None:
        count = len(vectors)
        keys = data.draw(strategies.lists(strategies.none() | KEYS, min_size=count, max_size=count))
        form, file = Form(5, dtype=dtype), io.BytesIO()
        to: Any = formats.formats()[name]
        to.write(file, shape(form), batches(vectors, keys, form))
        content = io.BytesIO(file.getvalue())
        found, found_keys = [], []
        for rows in formats.read(content, Asked(key="key" if name in {"parquet", "arrow", "ndjson"} else None)):
            held, named = flat(rows)  # type: ignore[arg-type]
            found += held
            found_keys += named
            if isinstance(rows, Cells):
                read = cells.Reader().read(cells.Column.of(held))
                found = [vector for one in read for vector in one.vectors]  # type: ignore[union-attr]
        assert np.array(found, np.float32).tobytes() == vectors.astype(np.float32).tobytes()
        if name in {"parquet", "arrow", "ndjson"}:
            assert found_keys == keys

    comes_back()


def test_containers_say_what_is_known() -> None:
    """Model, space and vector, and nothing that was not told."""
    form, file, vector = Form(2), io.BytesIO(), np.array([[0.5, -1]], np.float32)
    to: Any = formats.formats()["base64"]
    to.write(file, shape(form), batches(vector, [None], form))
    (found,) = cells.Reader().read(cells.Column.of([from_base64(file.getvalue().strip())]))
    assert isinstance(found, cells.Found)
    assert (found.model, found.space) == ("a", "a")
