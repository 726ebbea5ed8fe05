"""The recordings that the inputs of an extraction name: files, the lines of a list, the cells of a table."""

import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any

from schemas import bounded, plain_file
from schemas.errors import ConfigurationError, MediaUnknown, TaskRefusal, VoiceprintError
from schemas.faults import reason
from schemas.formats import Asked, Fault, arrow_ipc, parquet
from tasks.bulk import batches, places
from tasks.bulk.batches import KEY, ROW
from tasks.bulk.conversion import VOICEPRINT
from tasks.bulk.places import Source
from tasks.bulk.work import Piece

# What a table's column of recordings is called, where it is not named.
COLUMN_NAMES = ("recording", "audio", "media", "path", "file", "wav", "bytes")
# The longest path, also in a cell: whatever is longer is a recording.
_MOST_PATH = 4096
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
# Objects of a store are asked for side by side.
_AT_ONCE = 16
# How often a row group of recordings is cut: each piece reads past what comes before it.
_MOST_CUTS = 16


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording, row `row` of the source at `path`: `media` is its bytes, or where it is, or why it cannot be had."""

    path: str
    row: int
    key: str | None
    media: bytes | str | TaskRefusal


def found(inputs: Iterable[str]) -> list[Source]:
    """The files of all inputs, and the lines of a list in place of the list.

    Raises ConfigurationError for an input that is not there.
    """
    sources = places.find(inputs)
    named: list[Source] = []
    for source, head in zip(sources, _heads(sources), strict=True):
        named += _listed(source.path) if _is_list(source.path, head) else [source]
    # One that is named twice would be done twice.
    return list(dict.fromkeys(named))


def pieces(sources: Sequence[Source], asked: Asked, rows: int) -> Iterator[Piece]:
    """Every recording, and tables in pieces of about `rows` recordings."""
    for number, (source, head) in enumerate(zip(sources, _heads(sources), strict=True)):
        if not _is_table(head):
            yield Piece(number, rows=1, size=source.size)
        elif (groups := _groups(source.path, asked)) is None:
            yield Piece(number, size=source.size)
        else:
            for group, (count, size) in enumerate(groups):
                step = rows if size <= count * _MOST_PATH else max(rows, -(-count // _MOST_CUTS))
                for skip in range(0, count, step):
                    taken = min(step, count - skip)
                    yield Piece(number, (group, group + 1), taken, max(size * taken // count, 1), skip)


def count(sources: Sequence[Source], asked: Asked) -> int:
    """How many recordings there are; a table whose rows nothing tells is one."""
    return sum(piece.rows or 1 for piece in pieces(sources, asked, 1 << 62))


def read(path: str, piece: Piece, asked: Asked) -> Iterator[Recorded]:
    """The recordings of a piece of the source at `path`."""
    try:
        table = _is_table(_head(path))
    except (OSError, ConfigurationError):
        # Whoever opens the recording is told.
        table = False
    if not table:
        yield Recorded(path, 0, None, path)
        return
    skip, left = piece.skip, piece.rows
    for batch in batches.read(path, replace(asked, groups=piece.groups)):
        if isinstance(batch, Fault):
            yield Recorded(path, batch.row, batch.key, batch.error)
            continue
        cut = batch.slice(skip, left)
        skip = max(skip - len(batch), 0)
        yield from _cells(path, cut)
        if left is not None and (left := left - len(cut)) <= 0:
            return


@contextmanager
def opened(media: bytes | str | TaskRefusal) -> Iterator[FileIO]:
    """A recording's media as an open, unbuffered file: on this machine's disk where it is no file yet, or elsewhere.

    Raises why it cannot be had, MediaUnknown for a file that cannot be read.
    """
    if isinstance(media, TaskRefusal):
        raise media
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_file(media))
        except (OSError, ConfigurationError) as error:
            raise MediaUnknown(f"the recording cannot be read: {reason(error)}") from error
        yield file


def _file(media: bytes | str) -> FileIO:
    if isinstance(media, str) and not places.is_address(media):
        return plain_file.opened(places.meant(media))
    with ExitStack() as stack:
        # Without a buffer it is the file itself.
        file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
        with places.opened(media) if isinstance(media, str) else io.BytesIO(media) as content:
            shutil.copyfileobj(content, file, 1 << 20)
        file.seek(0)
        stack.pop_all()
        return file


def _cells(path: str, batch: Any) -> Iterator[Recorded]:
    """The recordings of a table's batch: a cell is a path, or a recording itself."""
    numbers, keys = (batch.column(name).to_pylist() for name in (ROW, KEY))
    cells = batch.column(VOICEPRINT) if VOICEPRINT in batch.schema.names else [None] * len(batch)
    for row, key, cell in zip(numbers, keys, cells, strict=True):
        content: bytes = (cell and cell.as_py()) or b""
        if not content:
            yield Recorded(path, row, key, MediaUnknown("there is no recording in the cell, nor the path of one"))
        elif (named := _path(content)) is None:
            yield Recorded(path, row, key, content)
        else:
            yield Recorded(path, row, key or named, batches.beside(path, named))


def _path(cell: bytes) -> str | None:
    """The path that a cell is, unless it is a recording: which has bytes that are no text."""
    try:
        text = cell.decode() if len(cell) <= _MOST_PATH else ""
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() and text else None


def _is_table(head: bytes) -> bool:
    return parquet.recognises(head) or arrow_ipc.recognises(head)


def _groups(path: str, asked: Asked) -> list[tuple[int, int]] | None:
    """Recordings and bytes of each row group; None where there are none, or the file cannot be read, which is told
    later."""
    try:
        with places.opened(path) as file:
            return parquet.groups(file, asked) or None
    except (VoiceprintError, OSError):
        return None


def _heads(sources: Sequence[Source]) -> Iterator[bytes]:
    def head(source: Source) -> bytes:
        try:
            return _head(source.path)
        except (OSError, ConfigurationError):
            return b""

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(head, sources)


def _head(path: str) -> bytes:
    with places.opened(path) as file:
        return file.read(_MOST_PATH)


def _is_list(path: str, head: bytes) -> bool:
    """Whether a file is text of which a line names a file that is there, or all lines are addresses."""
    # What is cut off is no line.
    lines = head.splitlines()[: -1 if len(head) == _MOST_PATH else None]
    named = [os.fsdecode(line) for line in lines if line]
    if not named or _CONTROL.search(head):
        return False
    return any(_there(path, one) for one in named) or all(map(_ADDRESS.fullmatch, named))


def _there(index: str, named: str) -> bool:
    return not places.is_address(index) and os.path.isfile(batches.beside(index, named))  # noqa: PTH113  # too long a name is none


def _listed(path: str) -> Iterator[Source]:
    """What the lines of a list name, whether it is there or not. Raises ConfigurationError."""
    with places.opened(path) as file:
        for line in bounded.lines(file):
            if line is None:
                raise ConfigurationError(f"a line of the list {path} is too long for a path")
            if line:
                named = batches.beside(path, os.fsdecode(line))
                yield Source(named, 0, 0) if places.is_address(named) else places.source(Path(named))
