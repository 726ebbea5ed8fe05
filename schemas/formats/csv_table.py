"""Tables of text: numbers in columns after an optional key, or a column that holds a voiceprint or a vector as text.

The delimiter is a comma, a semicolon or a tab, whichever the first line has. A first line of names is one in which a
column has a known name, or several are no numbers. A record is a line.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from schemas import bounded
from schemas.decimals import decimals
from schemas.errors import VoiceprintError, VoiceprintMalformed
from schemas.formats import KEY_NAMES, VECTOR_NAMES, Asked, Gathered, Rows

NAME, TITLE = "csv", "a table in CSV"

_BOM = b"\xef\xbb\xbf"
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?([^\n\0\[{]*[^\n\0]*?)(?:\r?\n|$)")
_NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*")
# Longer ones are no names of columns but voiceprints.
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column is the voiceprint, None where all numbers are the vector, and which the key."""

    cell: int | None
    key: int | None
    has_names: bool


def recognises(head: bytes) -> bool:
    first = _FIRST.match(head)
    if first is None or head[:1] in (b"[", b"{") or not _is_text(first[1]):
        return False
    line = first[1]
    if line.strip().lower() in {name.encode() for name in VECTOR_NAMES}:
        return True
    return any(mark in line for mark in (b",", b";", b"\t")) and not line.lstrip().startswith((b"[", b'"['))


def _is_text(line: bytes) -> bool:
    try:
        # The head may end within a letter.
        return line[:-3].decode().isprintable() or b"\t" in line
    except UnicodeDecodeError:
        return False


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    found, columns, delimiter = Gathered(), None, ","
    for number, line in enumerate(bounded.lines(file)):
        if line is None:
            yield from found.fault(VoiceprintMalformed("the line is too long for a vector"))
            continue
        content = line.removeprefix(_BOM) if number == 0 else line
        if not content.strip():
            continue
        if columns is None:
            delimiter = next((mark for mark in ("\t", ";", ",") if mark.encode() in content), ",")
        try:
            cells = _cells(content, delimiter)
            if columns is None:
                columns = _columns(cells, asked)
                if columns.has_names:
                    continue
        except VoiceprintError as error:
            yield from found.fault(error)
            continue
        yield from _row(cells, columns, found)
    yield from found.rest()


def _cells(line: bytes, delimiter: str) -> list[str]:
    if line.count(delimiter.encode()) > bounded.MOST_VALUES:
        raise VoiceprintMalformed("the line has more cells than a vector has values")
    try:
        return next(csv.reader([line.decode()], delimiter=delimiter, strict=True))
    except (csv.Error, UnicodeDecodeError, StopIteration) as error:
        raise VoiceprintMalformed(f"the line is not a record of the table: {error}") from error


def _columns(cells: Sequence[str], asked: Asked) -> _Columns:
    names = [cell.strip().lower() for cell in cells]

    def place(wanted: str | None, known: Sequence[str]) -> int | None:
        for name in (wanted.lower(),) if wanted else known:
            if name in names:
                return names.index(name)
        if wanted:
            raise VoiceprintMalformed(f"the table has no column {wanted!r}")
        return None

    plain = [_NUMBER.fullmatch(cell) is not None for cell in cells]
    long = [place for place, cell in enumerate(cells) if cell.startswith("[") or len(cell) > _LONGEST_NAME]
    if long and not asked.column and not asked.key:
        return _Columns(
            long[0], next((place for place in range(len(cells)) if place != long[0]), None), has_names=False
        )
    known = {*VECTOR_NAMES, *KEY_NAMES} & set(names)
    if not known and _numbered(names):
        return _Columns(None, None if names[0] else 0, has_names=True)
    if known or asked.column or asked.key or plain.count(False) > 1:
        return _Columns(place(asked.column, VECTOR_NAMES), place(asked.key, KEY_NAMES), has_names=True)
    return _Columns(None, None if all(plain) else plain.index(False), has_names=False)


def _numbered(names: Sequence[str]) -> bool:
    """Whether they are what pandas calls columns without names, with or without its index before them."""
    numbers = [str(number) for number in range(len(names))]
    return len(names) > 2 and (names == numbers or names == ["", *numbers[:-1]])


def _row(cells: Sequence[str], columns: _Columns, found: Gathered) -> Iterator[Rows]:
    if max(columns.key or 0, columns.cell or 0) >= len(cells):
        yield from found.fault(VoiceprintMalformed("the line has fewer cells than the table has columns"))
        return
    key = None if columns.key is None else cells[columns.key].strip()
    if columns.cell is not None:
        yield from found.cell(cells[columns.cell].strip().encode(), key)
        return
    try:
        vector = decimals([cell.encode() for place, cell in enumerate(cells) if place != columns.key])
    except VoiceprintError as error:
        yield from found.fault(error, key)
    else:
        yield from found.vector(vector, key)
