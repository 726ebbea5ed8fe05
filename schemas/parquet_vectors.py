"""Parquet files with a column of vectors that are written as they come.

Of lists that all have one length the levels of every page are alike, and plain values stand in a page as they do in
memory: a page is put together of what is made once, and of the vectors themselves. pyarrow makes such levels value by
value and holds a row group until it is whole, which takes a quarter of a conversion's time. It writes the other
columns, and what its footers say of them is kept. After `parquet.thrift` and `Encodings.md` of Apache Parquet 2.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO

from schemas import arrow, thrift_compact
from schemas.thrift_compact import Items, Kind, Struct, i32, i64

_MAGIC = b"PAR1"
# What a row group has at most of rows, and of bytes before others than vectors are compressed: a reader may hold one.
_MOST_ROWS, _MOST_BYTES = 1 << 16, 1 << 26
# Bytes of vectors in a page.
_PAGE_BYTES = 1 << 20
# The footer's fields that are changed: of a file, of a row group, of a column and of its metadata.
_FILE_ROWS, _FILE_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_BYTES, _GROUP_COUNT, _GROUP_OFFSET, _GROUP_STORED, _GROUP_ORDINAL = 1, 2, 3, 5, 6, 7
_COLUMN_METADATA = 3
_TYPE, _ENCODINGS, _PATH, _CODEC, _VALUES, _BYTES, _STORED, _DATA, _INDEX, _DICTIONARY = 1, 2, 3, 4, 5, 6, 7, 9, 10, 11
_PLAIN, _RLE, _UNCOMPRESSED, _DATA_PAGE = 0, 3, 0, 0


class VectorsWriter:
    """Writes record batches of `schema` to `file`; what is held in memory is of one row group, and has no vectors.

    `column` is one of fixed-size lists without nulls. `options` are those of `pyarrow.parquet.write_table` for the
    others.
    """

    def __init__(self, file: BinaryIO, schema: Any, column: str, **options: Any) -> None:
        self._file, self._column, self._options = file, column, options
        self._others = schema.remove(schema.get_field_index(column)).remove_metadata()
        # What pyarrow says of a file of this schema.
        empty, written = _written(schema.empty_table(), options)
        self._footer = empty
        (group,) = empty[_FILE_GROUPS][1].values
        self._order = [_metadata(one) for one in group[_GROUP_COLUMNS][1].values]
        (self._like,) = (one for one in self._order if _name(one) == column)
        parquet = arrow.pyarrow("pyarrow.parquet")
        columns = parquet.ParquetFile(arrow.pyarrow().BufferReader(arrow.pyarrow().py_buffer(written))).schema
        self._level = columns.column(self._order.index(self._like)).max_definition_level
        self._length = schema.field(column).type.list_size
        self._groups: list[Struct] = []
        self._held: list[Any] = []
        self._rows = self._bytes = self._begin = self._end = 0
        self._write(_MAGIC)

    def write(self, batch: Any) -> None:
        """Raises ValueError for a batch with a null vector, OSError."""
        vectors = batch.column(self._column)
        if vectors.null_count:
            raise ValueError("a row has no vector")
        self._begin = self._begin or self._end
        values = vectors.flatten().to_numpy()
        for count in _pages(len(batch), values.itemsize * self._length):
            page, values = values[: count * self._length], values[count * self._length :]
            levels = _levels(count, self._length, self._level)
            self._write(_page_header(len(page), len(levels) + page.nbytes))
            self._write(levels)
            self._write(memoryview(page).cast("B"))
        self._held.append(batch.drop_columns([self._column]))
        self._rows, self._bytes = self._rows + len(batch), self._bytes + batch.nbytes
        if self._rows >= _MOST_ROWS or self._bytes >= _MOST_BYTES:
            self._end_group()

    def close(self) -> None:
        """Writes what is held, and the footer. Raises OSError."""
        if self._held:
            self._end_group()
        rows = sum(group[_GROUP_COUNT][1] for group in self._groups)
        footer = thrift_compact.encode(
            self._footer | {_FILE_ROWS: i64(rows), _FILE_GROUPS: (Kind.LIST, Items(Kind.STRUCT, self._groups))}
        )
        self._write(footer + struct.pack("<I", len(footer)) + _MAGIC)

    def _end_group(self) -> None:
        vectors = self._vectors()
        others, written = _written(arrow.pyarrow().Table.from_batches(self._held, self._others), self._options)
        moved = self._end - len(_MAGIC)
        self._write(written[len(_MAGIC) : _footer_place(written)])
        (group,) = others[_FILE_GROUPS][1].values
        rest = iter(group[_GROUP_COLUMNS][1].values)
        columns = [vectors if one is self._like else _moved(next(rest), moved) for one in self._order]
        sizes = [_metadata(one) for one in columns]
        self._groups.append(
            {
                _GROUP_COLUMNS: (Kind.LIST, Items(Kind.STRUCT, columns)),
                _GROUP_BYTES: i64(sum(one[_BYTES][1] for one in sizes)),
                _GROUP_COUNT: i64(self._rows),
                _GROUP_OFFSET: i64(self._begin),
                _GROUP_STORED: i64(sum(one[_STORED][1] for one in sizes)),
                _GROUP_ORDINAL: (Kind.I16, len(self._groups)),
            }
        )
        self._held, self._rows, self._bytes, self._begin = [], 0, 0, 0

    def _vectors(self) -> Struct:
        """The column of vectors of the row group that ends here."""
        size = i64(self._end - self._begin)
        metadata: Struct = {
            _TYPE: self._like[_TYPE],
            _ENCODINGS: (Kind.LIST, Items(Kind.I32, [_PLAIN, _RLE])),
            _PATH: self._like[_PATH],
            _CODEC: i32(_UNCOMPRESSED),
            _VALUES: i64(self._rows * self._length),
            _BYTES: size,
            _STORED: size,
            _DATA: i64(self._begin),
        }
        return {2: i64(0), _COLUMN_METADATA: (Kind.STRUCT, metadata)}

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._end += len(data)


def _written(table: Any, options: dict[str, Any]) -> tuple[Struct, memoryview]:
    """The footer of a table as pyarrow writes it, in one row group, and all of the file."""
    sink = arrow.pyarrow().BufferOutputStream()
    # Batches that name models have a list of their own each.
    rows = max(len(table), 1)
    arrow.pyarrow("pyarrow.parquet").write_table(table.unify_dictionaries(), sink, row_group_size=rows, **options)
    written = memoryview(sink.getvalue())
    return thrift_compact.decode(bytes(written[_footer_place(written) :])), written


def _footer_place(written: memoryview) -> int:
    behind = struct.calcsize("<I") + len(_MAGIC)
    (size,) = struct.unpack_from("<I", written, len(written) - behind)
    return len(written) - behind - int(size)


def _metadata(column: Struct) -> Struct:
    found: Struct = column[_COLUMN_METADATA][1]
    return found


def _name(metadata: Struct) -> str:
    first: bytes = metadata[_PATH][1].values[0]
    return first.decode()


def _moved(column: Struct, by: int) -> Struct:
    """A column of the others, so many bytes behind where it was."""
    metadata = _metadata(column)
    places = {place: i64(metadata[place][1] + by) for place in (_DATA, _INDEX, _DICTIONARY) if place in metadata}
    return column | {_COLUMN_METADATA: (Kind.STRUCT, metadata | places)}


def _pages(rows: int, row_bytes: int) -> Iterator[int]:
    """How many rows the pages have that hold so many."""
    most = max(_PAGE_BYTES // row_bytes, 1)
    for begin in range(0, rows, most):
        yield min(most, rows - begin)


def _page_header(values: int, size: int) -> bytes:
    data: Struct = {1: i32(values), 2: i32(_PLAIN), 3: i32(_RLE), 4: i32(_RLE)}
    return thrift_compact.encode({1: i32(_DATA_PAGE), 2: i32(size), 3: i32(size), 5: (Kind.STRUCT, data)})


@lru_cache(16)
def _levels(rows: int, length: int, most: int) -> bytes:
    """Of so many lists of so many values: where each list begins, and that every value is there."""
    repetition = (_run(1, 0) + _run(length - 1, 1)) * rows
    definition = _run(rows * length, most)
    return b"".join(struct.pack("<I", len(one)) + one for one in (repetition, definition))


def _run(count: int, level: int) -> bytes:
    """A level so many times over, levels being of one byte at most."""
    return thrift_compact.varint(count << 1) + bytes([level]) if count else b""
