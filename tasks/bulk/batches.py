"""The rows of a source as Arrow batches: `source`, `row` and `key`, and its voiceprints or vectors."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from schemas import arrow, formats
from schemas.errors import VoiceprintError, VoiceprintTruncated
from schemas.formats import Asked, Cells, Fault, Vectors
from tasks.bulk import places
from tasks.bulk.conversion import MODEL, SPACE, VECTOR, VOICEPRINT

SOURCE, ROW, KEY, CHANNEL = "source", "row", "key", "channel"


def read(path: str, asked: Asked) -> Iterator[Any]:
    """Record batches, and a `Fault` for each row that cannot be read; the last one where the file cannot be read on."""
    row = 0
    try:
        with places.opened(path) as file:
            for rows in formats.read(file, replace(asked, follow=lambda named: places.opened(beside(path, named)))):
                row = rows.row + 1 if isinstance(rows, Fault) else rows.first + _count(rows)
                yield rows if isinstance(rows, Fault) else _batch(path, rows)
    except VoiceprintError as error:
        yield Fault(row, error)
    except OSError as error:
        yield Fault(row, VoiceprintTruncated(f"the file cannot be read: {error.strerror or error}"))


def fields() -> list[Any]:
    """Those of every batch but its voiceprints or vectors."""
    pa = arrow.pyarrow()
    names = pa.dictionary(pa.int32(), pa.string())
    return [pa.field(SOURCE, names), pa.field(ROW, pa.int64()), pa.field(KEY, pa.string())]


def _count(rows: Vectors | Cells) -> int:
    return len(rows.vectors if isinstance(rows, Vectors) else rows.cells)


def _batch(path: str, rows: Vectors | Cells) -> Any:
    pa = arrow.pyarrow()
    count = _count(rows)
    name, held = (VECTOR, rows.vectors) if isinstance(rows, Vectors) else (VOICEPRINT, rows.cells)
    if isinstance(held, np.ndarray):
        held = pa.FixedSizeListArray.from_arrays(pa.array(held.reshape(-1)), held.shape[1])
    elif isinstance(held, list):
        held = pa.array(held, pa.large_binary())
    keys = rows.keys
    if not isinstance(keys, pa.Array):
        keys = pa.nulls(count, pa.string()) if keys is None else pa.array(keys, pa.string())
    source = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [path])
    numbers = pa.array(np.arange(rows.first, rows.first + count))
    told = {}
    if isinstance(rows, Vectors) and rows.told is not None:
        told = {one: pa.array(column, pa.string()) for one, column in zip((MODEL, SPACE), rows.told, strict=True)}
    return pa.RecordBatch.from_arrays(
        [source, numbers, keys, held, *told.values()],
        schema=pa.schema([*fields(), pa.field(name, held.type), *(pa.field(one, pa.string()) for one in told)]),
    )


def beside(index: str, named: str) -> str:
    """The path that an index means by a name: from where the program runs, as Kaldi would, or beside the index."""
    if places.is_address(index) or places.is_address(named) or Path(named).is_absolute() or os.path.lexists(named):
        return named
    return str(Path(index).parent / named)
