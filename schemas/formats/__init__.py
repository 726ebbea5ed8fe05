"""Foreign and legacy voiceprint formats, one file each, found by what is in a file and not by its name.

Every module of this folder is found by itself and must have what `Format` asks for. A reader is strict: what it cannot
read exactly is a `Fault`, and what is damaged beyond the place where it could go on raises a VoiceprintError. It holds
no more at a time than `schemas/bounded.py` says. Rows are numbered from 0 in the order of the file.

A format that can be written has `write(file, schema, batches)` and a `SUFFIX` as well: its reader gives back, bit for
bit, what was written. Where it has no place for sources and rows, `TELLS_ROWS` is False.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
import numpy.typing as npt

from schemas.bounded import BLOCK_BYTES, BLOCK_ROWS, HEAD_BYTES, require_dimension
from schemas.errors import ConfigurationError, TaskRefusal, VoiceprintError, VoiceprintMalformed, VoiceprintWrongMagic

Floats = npt.NDArray[np.float32]
# What a file's own names and fields for a voiceprint, a vector and its key are, wherever they have names.
VECTOR_NAMES = ("voiceprint", "vector", "embedding", "vector_voiceprint", "xvector", "ivector", "dvector")
KEY_NAMES = ("id", "key", "name", "utt", "utterance", "spk", "speaker")
# What tells, both together, which model made a vector and in which embedding space it is.
MODEL_NAMES = ("model", "space")

_UNKNOWN = (
    "nothing that is read here: not one of {names}; if it is bare numbers, say so with --raw float32 --dimension N"
)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows from `first` on that are vectors: an array of shape (n, dimension), or Arrow's own array of lists. `told`
    are their models and their embedding spaces, where the file says so: two columns of text, Arrow's own or lists."""

    first: int
    vectors: Any
    keys: Sequence[str] | Any | None = None
    told: tuple[Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows from `first` on that are voiceprints as `schemas/cells.py` reads them: a list of bytes, or Arrow's own array
    of text or bytes."""

    first: int
    cells: Any
    keys: Sequence[str] | Any | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be read."""

    row: int
    error: TaskRefusal
    key: str | None = None


Rows = Vectors | Cells | Fault


def _refuse(path: str) -> BinaryIO:
    raise VoiceprintMalformed(f"it names another file, {path}, which is not followed here")


@dataclass(frozen=True, slots=True)
class Asked:
    """What cannot be told from a file: the columns by name, and of bare numbers the kind and the dimension.

    `follow` opens the files that an index names. `groups` are the first row group of a Parquet file to be read and the
    one after the last, all when it is None. `names` are those of the columns of a table that hold what is asked for,
    where it does not say which.
    """

    column: str | None = None
    key: str | None = None
    raw: str | None = None
    dimension: int | None = None
    follow: Callable[[str], BinaryIO] = _refuse
    groups: tuple[int, int] | None = None
    names: Sequence[str] = VECTOR_NAMES


class Format(Protocol):
    """What a module of this folder provides."""

    NAME: str
    TITLE: str

    def recognises(self, head: bytes) -> bool:
        """Whether a file that begins with `head`, 64 KiB of it or all, is of this format."""

    def read(self, file: BinaryIO, asked: Asked) -> Iterator[Rows]:
        """All rows. Raises VoiceprintError where it cannot go on."""


@cache
def formats() -> Mapping[str, Format]:
    """Every format by its name. Raises ConfigurationError that names a file which falls short."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        if missing := [name for name in ("NAME", "TITLE", "recognises", "read") if not hasattr(loaded, name)]:
            raise ConfigurationError(f"schemas/formats/{module.name}.py lacks {', '.join(missing)}")
        found[loaded.NAME] = cast("Format", loaded)
    return found


def find(head: bytes, asked: Asked) -> Format:
    """The format of a file that begins with `head`. Raises VoiceprintWrongMagic where there is none."""
    for one in formats().values():
        if one.recognises(head):
            return one
    if asked.raw:
        return formats()["raw"]
    titles = ", ".join(one.TITLE for one in formats().values() if one.NAME not in {"raw", "refused"})
    raise VoiceprintWrongMagic(f"this is {'empty' if not head else _UNKNOWN.format(names=titles)}")


def read(file: BinaryIO, asked: Asked) -> Iterator[Rows]:
    """All rows of a file that can be sought in. Raises VoiceprintError."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    yield from find(head, asked).read(file, asked)


Names = tuple[str | None, str | None]
UNTOLD: Names = (None, None)


class Gathered:
    """Rows that come one by one, handed on together while they are of one kind and one dimension."""

    def __init__(self) -> None:
        self.row = 0
        self._first = 0
        self._held: list[Any] = []
        self._keys: list[str | None] = []
        self._told: list[Names] = []
        self._bytes = 0

    def vector(self, vector: Floats, key: str | None = None, told: Names = UNTOLD) -> Iterator[Rows]:
        """A vector of shape (dimension,), and its model and its embedding space."""
        try:
            require_dimension(len(vector))
        except VoiceprintError as error:
            yield from self.fault(error, key)
            return
        if self._held and (isinstance(self._held[0], bytes) or len(self._held[0]) != len(vector)):
            yield from self.rest()
        self._told.append(told)
        yield from self._add(vector, key, vector.nbytes + sum(len(name or "") for name in told))

    def cell(self, cell: bytes, key: str | None = None) -> Iterator[Rows]:
        """A voiceprint as text or bytes."""
        if self._held and not isinstance(self._held[0], bytes):
            yield from self.rest()
        yield from self._add(cell, key, len(cell))

    def fault(self, error: VoiceprintError, key: str | None = None) -> Iterator[Rows]:
        yield from self.rest()
        yield Fault(self.row, error, key)
        self.row += 1

    def _add(self, one: Any, key: str | None, size: int) -> Iterator[Rows]:
        if not self._held:
            self._first = self.row
        self._held.append(one)
        self._keys.append(key)
        self._bytes += size + len(key or "")
        self.row += 1
        if self._bytes >= BLOCK_BYTES or len(self._held) >= BLOCK_ROWS:
            yield from self.rest()

    def rest(self) -> Iterator[Rows]:
        """What is held."""
        if self._held:
            keys: Any = self._keys if any(key is not None for key in self._keys) else None
            if isinstance(self._held[0], bytes):
                yield Cells(self._first, self._held, keys)
            else:
                models, spaces = zip(*self._told, strict=True)
                yield Vectors(self._first, np.stack(self._held), keys, (models, spaces) if any(models) else None)
        self._held, self._keys, self._told, self._bytes = [], [], [], 0


def floats(values: npt.NDArray[Any]) -> Floats:
    """Numbers of 16, 32 or 64 bits as float32, the last of them rounded; what is too large becomes infinite, which is
    refused where vectors are looked at."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def text(key: bytes) -> str:
    """A key as text; bytes that are not UTF-8 stand as escapes."""
    return key.decode(errors="backslashreplace")
