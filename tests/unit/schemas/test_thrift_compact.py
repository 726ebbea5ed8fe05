"""Thrift's compact protocol against footers that pyarrow writes."""

import datetime
import struct
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import thrift_compact
from schemas.thrift_compact import Items, Kind

KINDS = {Kind.I16: st.integers(-(1 << 15), (1 << 15) - 1), Kind.I64: st.integers(-(1 << 63), (1 << 63) - 1)}
VALUES = st.one_of(
    *(st.tuples(st.just(kind), values) for kind, values in KINDS.items()),
    st.tuples(st.just(Kind.BYTE), st.integers(-128, 127)),
    st.tuples(st.just(Kind.BINARY), st.binary(max_size=200)),
    st.tuples(st.just(Kind.DOUBLE), st.binary(min_size=8, max_size=8)),
    st.tuples(st.sampled_from([Kind.TRUE, Kind.FALSE]), st.none()),
    st.tuples(st.just(Kind.LIST), st.builds(Items, st.just(Kind.I32), st.lists(st.integers(0, 300), max_size=20))),
)
STRUCTS = st.recursive(
    st.dictionaries(st.integers(1, 200), VALUES, max_size=5),
    lambda inside: st.dictionaries(st.integers(1, 200), st.tuples(st.just(Kind.STRUCT), inside), max_size=3),
)


def footer(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    written = sink.getvalue().to_pybytes()
    (size,) = struct.unpack_from("<I", written, len(written) - 8)
    return written[-8 - size : -8]


@given(STRUCTS)
def test_there_and_back(made: thrift_compact.Struct) -> None:
    """A struct that is written reads back as it was."""
    assert thrift_compact.decode(thrift_compact.encode(made)) == made


@pytest.mark.parametrize("options", [{}, {"row_group_size": 2, "write_statistics": False}, {"compression": "zstd"}])
def test_a_footer_byte_by_byte(options: dict[str, Any]) -> None:
    """A footer of pyarrow's that is read and written again is the same to the last byte."""
    many = {f"column {number}": [number, None, -number] for number in range(40)}
    others = {"day": [datetime.date(2026, 1, 1)] * 3, "flag": [True, None, False], "list": [[1.5], [], None]}
    table = pa.table(many | others).replace_schema_metadata({"told": "x" * 300})
    made = footer(table, **options)
    assert thrift_compact.encode(thrift_compact.decode(made)) == made


def test_an_early_end() -> None:
    """Bytes that end within a struct are said to, wherever that is."""
    made = footer(pa.table({"some": [1]}))
    for size in range(0, len(made), 7):
        with pytest.raises(IndexError, match="ends too early"):
            thrift_compact.decode(made[:size])
