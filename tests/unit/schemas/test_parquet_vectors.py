"""Parquet with vectors that are written as they come, read by Arrow's own reader."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.parquet_vectors import VectorsWriter

NAMES = pa.dictionary(pa.int32(), pa.string())


def schema(dimension: int, kind: Any = None, *, nullable: bool = False) -> Any:
    element = pa.field("element", kind or pa.float32(), nullable)
    vectors = pa.field("vector", pa.list_(element, dimension), nullable)
    others = [pa.field("row", pa.int64(), nullable=False), pa.field("key", pa.string())]
    return pa.schema([pa.field("model", NAMES), *others[:1], vectors, *others[1:]], metadata={"told": "something"})


def batch(rows: int, schema: Any, first: int = 0) -> Any:
    """Rows that are all different, of a model that their number tells."""
    vectors = schema.field("vector").type
    rng = np.random.default_rng(first + rows)
    values = rng.normal(size=rows * vectors.list_size).astype(vectors.value_type.to_pandas_dtype())
    keys = [None if row % 3 else f"key {first + row}" for row in range(rows)]
    return pa.record_batch(
        [
            pa.array([f"model {first}"] * rows, pa.string()).dictionary_encode(),
            pa.array(range(first, first + rows), pa.int64()),
            pa.FixedSizeListArray.from_arrays(pa.array(values, vectors.value_type), type=vectors),
            pa.array(keys, pa.string()),
        ],
        schema=schema,
    )


def written(schema: Any, batches: list[Any]) -> bytes:
    file = io.BytesIO()
    writer = VectorsWriter(file, schema, "vector", use_dictionary=["model"], write_statistics=["row"])
    for one in batches:
        writer.write(one)
    writer.close()
    return file.getvalue()


def plain(table: pa.Table) -> pa.Table:
    """The same table without dictionaries, which are those of a row group or of all."""
    return table.set_column(0, "model", table.column("model").cast(pa.string()))


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float16()])
@pytest.mark.parametrize("dimension", [1, 2, 7, 256, 70_000])
def test_it_reads_as_if_arrow_had_written_it(dimension: int, kind: Any, *, nullable: bool) -> None:
    """Every row, the schema and its metadata are those of the same table in a file of pyarrow's."""
    shape = schema(dimension, kind, nullable=nullable)
    batches = [batch(rows, shape, first) for first, rows in [(0, 5), (5, 1), (6, 20)]]
    found = pq.ParquetFile(io.BytesIO(written(shape, batches)))
    expected = io.BytesIO()
    pq.write_table(pa.Table.from_batches(batches).unify_dictionaries(), expected)
    table = found.read()
    table.validate(full=True)
    assert table.equals(pq.read_table(expected))
    assert found.schema.equals(pq.ParquetFile(expected).schema)
    assert found.schema_arrow.equals(shape, check_metadata=True)


def test_row_groups() -> None:
    """Row groups can be read by themselves, any columns of them; what is told of them is so."""
    shape = schema(3)
    batches = [batch(30_000, shape, first) for first in range(0, 180_000, 30_000)]
    found = pq.ParquetFile(io.BytesIO(written(shape, batches)))
    assert [found.metadata.row_group(number).num_rows for number in range(found.num_row_groups)] == [90_000, 90_000]
    whole = plain(pa.Table.from_batches(batches))
    assert plain(found.read_row_group(1)).equals(whole.slice(90_000))
    assert found.read_row_group(1, columns=["key", "vector"]).equals(whole.slice(90_000).select(["key", "vector"]))
    statistics = found.metadata.row_group(1).column(1).statistics
    assert (statistics.min, statistics.max) == (90_000, 179_999)


def test_pages() -> None:
    """Vectors of many megabytes stand in pages of one each, and rows can be read from within one."""
    shape = schema(256)
    whole = batch(5_000, shape)
    found = pq.ParquetFile(io.BytesIO(written(shape, [whole])))
    some = list(found.iter_batches(700))
    assert [len(one) for one in some] == [700] * 7 + [100]
    assert pa.Table.from_batches(some).equals(pa.Table.from_batches([whole]))


def test_without_rows() -> None:
    """A file without a row has the schema, and no row group."""
    found = pq.ParquetFile(io.BytesIO(written(schema(4), [])))
    assert (found.metadata.num_rows, found.num_row_groups) == (0, 0)
    assert found.schema_arrow.equals(schema(4))
    assert found.read().num_rows == 0


def test_a_row_without_a_vector() -> None:
    """A null among the vectors is refused, since no level would tell of it."""
    shape = schema(2, nullable=True)
    lacking = batch(2, shape).set_column(2, shape.field("vector"), pa.array([[1, 2], None], shape.field("vector").type))
    with pytest.raises(ValueError, match="no vector"):
        written(shape, [lacking])


def test_long_vectors_make_short_row_groups() -> None:
    """A row group is bounded by its bytes as well: whoever reads it may hold it whole."""
    shape = schema(70_000)
    found = pq.ParquetFile(io.BytesIO(written(shape, [batch(60, shape, first) for first in range(0, 600, 60)])))
    sizes = [found.metadata.row_group(number) for number in range(found.num_row_groups)]
    assert [one.num_rows for one in sizes] == [240, 240, 120]
