"""Parquet: a column of vectors, or one of voiceprints. A file is read row group by row group, batch by batch."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from schemas import arrow
from schemas.errors import VoiceprintError, VoiceprintMalformed
from schemas.formats import Asked, Rows
from schemas.parquet_vectors import VectorsWriter

NAME, TITLE = "parquet", "Parquet"
SUFFIX = ".parquet"

# What a table's description may take; a page of it says itself how large it becomes.
_MOST_METADATA = 1 << 26


def recognises(head: bytes) -> bool:
    return head.startswith(b"PAR1")


def groups(file: BinaryIO, asked: Asked) -> list[tuple[int, int]]:
    """Of each row group its rows, and the bytes of all its columns. Raises VoiceprintError."""
    try:
        opened = _open(file)
        arrow.columns(opened.schema_arrow, asked)
        return _sizes(opened)
    except VoiceprintError:
        raise
    except arrow.damaged() as error:
        raise _malformed(error) from error


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    try:
        opened = _open(file)
        columns = arrow.columns(opened.schema_arrow, asked)
        sizes = _sizes(opened)
        begin, end = asked.groups or (0, len(sizes))
        row = sum(rows for rows, _ in sizes[:begin])
        for number in range(begin, min(end, len(sizes))):
            rows, size = sizes[number]
            batches = opened.iter_batches(
                arrow.rows_at_once(size, rows), row_groups=[number], columns=columns.names, use_threads=False
            )
            for batch in batches:
                yield columns.rows(batch, row)
                row += len(batch)
    except VoiceprintError:
        raise
    except arrow.damaged() as error:
        raise _malformed(error) from error


def _open(file: BinaryIO) -> Any:
    parquet = arrow.pyarrow("pyarrow.parquet")
    return parquet.ParquetFile(
        file,
        buffer_size=1 << 17,
        pre_buffer=False,
        thrift_string_size_limit=_MOST_METADATA,
        thrift_container_size_limit=1 << 20,
    )


def _sizes(opened: Any) -> list[tuple[int, int]]:
    # Not of columns by themselves: to ask a damaged one ends the process, in pyarrow up to 26 at least.
    found = (opened.metadata.row_group(number) for number in range(opened.num_row_groups))
    return [(max(group.num_rows, 0), max(group.total_byte_size, 0)) for group in found]


def _malformed(error: Exception) -> VoiceprintMalformed:
    return VoiceprintMalformed(f"the Parquet file is damaged: {error}")


def write(file: BinaryIO, schema: Any, batches: Iterable[Any]) -> None:
    """Vectors stand plainly: nothing makes float32 of chance shorter, and a reader gets them at the speed of a copy."""
    types = arrow.pyarrow().types
    repeated = [field.name for field in schema if types.is_dictionary(field.type)]
    writer = VectorsWriter(
        file, schema, "vector", compression="zstd", use_dictionary=repeated, write_statistics=["row"]
    )
    for batch in batches:
        writer.write(batch)
    writer.close()
