"""Arrow tables: pyarrow, which the extra `bulk` brings, and which columns of a table are a voiceprint's."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.bounded import BLOCK_BYTES, BLOCK_ROWS
from schemas.errors import ConfigurationError, VoiceprintMalformed
from schemas.formats import KEY_NAMES, MODEL_NAMES, VECTOR_NAMES, Asked, Cells, Floats, Rows, Vectors, text


def pyarrow(module: str = "pyarrow") -> Any:
    """pyarrow, or a module of it. Raises ConfigurationError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            "tables and work in bulk need pyarrow: pip install 'voiceprint-appliance[bulk]'"
        ) from error


def damaged() -> tuple[type[Exception], ...]:
    """What pyarrow raises for a file that is not as it should be."""
    return (pyarrow().ArrowException, OSError, MemoryError, ValueError, OverflowError, KeyError, TypeError, IndexError)


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a table's columns: `cell` holds voiceprints as text or bytes, or `vector` lists of numbers, and one
    of them is None; `key` may be. `told` are those of the models and of the embedding spaces, where there are both."""

    cell: str | None
    vector: str | None
    key: str | None
    told: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [name for name in (self.cell, self.vector, self.key, *self.told) if name is not None]

    def rows(self, batch: Any, first: int) -> Rows:
        """Those of a record batch whose first row is number `first`."""
        keys = None if self.key is None else texts(batch.column(self.key))
        if self.cell is not None:
            return Cells(first, bytes_of(batch.column(self.cell)), keys)
        told = tuple(texts(batch.column(name)) for name in self.told)
        return Vectors(first, batch.column(self.vector), keys, (told[0], told[1]) if told else None)


def columns(schema: Any, asked: Asked) -> Columns:
    """Those of a table. Raises VoiceprintMalformed where it cannot be told which."""
    names = list(schema.names)
    for wanted in filter(None, (asked.column, asked.key)):
        if names.count(wanted) != 1:
            raise VoiceprintMalformed(f"the table has no column {wanted!r}, or two: it has {', '.join(names)}")
    known = [asked.column] if asked.column else [name for name in asked.names if name in names]
    if known[:1] == [VECTOR_NAMES[0]]:
        # It has all that the vector beside it has.
        known = known[:1]
    found = known or [name for name in names if is_list(schema.field(name).type)]
    if len(found) != 1 or names.count(found[0]) != 1:
        raise VoiceprintMalformed(
            f"which column holds what is asked for cannot be told: name it with --column; there are {', '.join(names)}"
        )
    (name,) = found
    kind = schema.field(name).type
    key = asked.key or next((one for one in KEY_NAMES if names.count(one) == 1 and one != name), None)
    if is_list(kind):
        told = all(names.count(one) == 1 and is_text(schema.field(one).type) for one in MODEL_NAMES)
        return Columns(None, name, key, MODEL_NAMES if told else ())
    if _is_cell(kind):
        return Columns(name, None, key)
    raise VoiceprintMalformed(f"the column {name!r} is of {kind}: neither lists of numbers nor text or bytes")


def is_list(kind: Any) -> bool:
    types = pyarrow().types
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and types.is_floating(kind.value_type))


def is_text(kind: Any) -> bool:
    pa = pyarrow()
    return _plain(kind) in (pa.string(), pa.large_string(), pa.string_view())


def _is_cell(kind: Any) -> bool:
    pa = pyarrow()
    binary = (pa.binary(), pa.large_binary(), pa.binary_view())
    return is_text(kind) or _plain(kind) in binary or bool(pa.types.is_fixed_size_binary(_plain(kind)))


def _plain(kind: Any) -> Any:
    return kind.value_type if pyarrow().types.is_dictionary(kind) else kind


def bytes_of(column: Any) -> Any:
    """A column of text or bytes as Arrow's `binary` or `large_binary`, without a copy where it is plain."""
    pa = pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column = untexted(column)
    return column if column.type in (pa.binary(), pa.large_binary()) else column.cast(pa.large_binary())


def untexted(column: Any) -> Any:
    """The same column, as bytes where it is plain text."""
    pa = pyarrow()
    same = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    return column.view(same[column.type]) if column.type in same else column


def texts(column: Any) -> Any:
    """A column of keys as text; bytes that are not UTF-8 stand as escapes. Raises VoiceprintMalformed for one that has
    no text."""
    pa = pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        cast = column.cast(pa.string())
    except pa.ArrowException as error:
        raise VoiceprintMalformed(f"keys of {column.type} cannot be told as text") from error
    try:
        # Whoever wrote the file need not have looked.
        cast.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([one if one is None else text(one) for one in untexted(cast).to_pylist()], pa.string())
    return cast


def matrix(column: Any) -> Floats:
    """Lists of one length without nulls as float32 of shape (n, length); without a copy where they are."""
    values: Floats = column.flatten().to_numpy().astype(np.float32, copy=False)
    return values.reshape(len(column), -1)


def rows_at_once(size: int, rows: int) -> int:
    """How many rows to read together where `rows` of them have `size` bytes."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES * max(rows, 1) // max(size, 1)))
