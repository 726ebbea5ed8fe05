"""LanceDB, which is embedded: `lancedb://FOLDER/TABLE`, a table in a folder of this machine.

The metric of a table is that of its index, so it has one from its beginning, which `finish` fills. Its distances are
exact, and as LanceDB looks into 20 of its lists, every vector is looked at in tables of up to some 160,000.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schemas.errors import ConfigurationError
from tasks.bulk.batches import SOURCE
from tasks.bulk.conversion import SPACE, VECTOR
from tasks.bulk.entries import ID, schema
from tasks.bulk.means import Means
from tasks.bulk.sinks import METRIC, Identity, client, reaching, require

SCHEMES = ("lancedb",)
FORM = "lancedb://FOLDER/TABLE"
# 64 MiB: the ids that come are joined with all that are there, each time.
VALUES = 1 << 24

_LIST_ROWS = 1 << 13
_SOURCES_AT_ONCE = 256
# What it raises, whatever is the matter.
_ERRORS = (OSError, ValueError, RuntimeError)


def normal(address: str) -> str:
    folder, name = _place(address)
    return f"{SCHEMES[0]}://{folder.absolute()}/{name}"


def prepare(address: str, identity: Identity, means: Means) -> None:
    del means
    folder, name = _place(address)
    wanted = schema(identity.dimension)
    with reaching(address, *_ERRORS), _alone(folder):
        table = _made(client("lancedb", "lancedb").connect(folder), name, wanted)
        _check(address, table, wanted, identity)
        if _index(table) is None:
            exact = client("lancedb.index", "lancedb").IvfFlat(distance_type=METRIC, target_partition_size=_LIST_ROWS)
            table.create_index(VECTOR, config=exact, train=False)


@contextmanager
def opened(address: str, means: Means) -> "Iterator[_Table]":
    del means
    folder, name = _place(address)
    with reaching(address, *_ERRORS):
        table = client("lancedb", "lancedb").connect(folder).open_table(name)
    yield _Table(address, folder, table)


class _Table:
    def __init__(self, address: str, folder: Path, table: Any) -> None:
        self._address, self._folder, self._table = address, folder, table

    def put(self, entries: Any) -> None:
        with reaching(self._address, *_ERRORS):
            self._table.merge_insert(ID).when_matched_update_all().when_not_matched_insert_all().execute(entries)

    def count(self, sources: Sequence[str]) -> int:
        parts = (sources[start : start + _SOURCES_AT_ONCE] for start in range(0, len(sources), _SOURCES_AT_ONCE))
        with reaching(self._address, *_ERRORS):
            # The newest of what other processes have put in.
            self._table.checkout_latest()
            return sum(self._table.count_rows(f"{SOURCE} IN ({', '.join(map(_quoted, part))})") for part in parts)

    def finish(self) -> None:
        with reaching(self._address, *_ERRORS), _alone(self._folder):
            self._table.checkout_latest()
            # Puts small files together, and into the index what is not in it yet.
            self._table.optimize()


def _place(address: str) -> tuple[Path, str]:
    """Folder and name of a table. Raises ConfigurationError."""
    folder, _, name = address.partition("://")[2].rpartition("/")
    if not folder or not name:
        raise ConfigurationError(f"{address} names no table: {FORM}")
    return Path(folder), name


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Held by one process at a time: of two that make an index at once, LanceDB refuses one."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _made(database: Any, name: str, wanted: Any) -> Any:
    try:
        return database.open_table(name)
    except ValueError:
        # Another process may be faster.
        return database.create_table(name, schema=wanted, exist_ok=True)


def _check(address: str, table: Any, wanted: Any, identity: Identity) -> None:
    """Raises ConfigurationError for a table that holds anything but such entries."""
    there = table.schema
    require(address, fits=there.names == wanted.names, but=f"has the columns {', '.join(there.names)}")
    held, kind = there.field(VECTOR).type, wanted.field(VECTOR).type
    require(address, fits=held == kind, but=f"has vectors of {held}, not of {kind}")
    index = _index(table)
    metric = METRIC if index is None else table.index_stats(index).distance_type
    require(address, fits=metric == METRIC, but=f"has an index of the metric {metric}, not of {METRIC}")
    others = table.search().where(f"{SPACE} != {_quoted(identity.space)}").select([SPACE]).limit(1).to_list()
    space = others[0][SPACE] if others else identity.space
    require(address, fits=not others, but=f"holds vectors of the embedding space {space}, not of {identity.space}")


def _index(table: Any) -> str | None:
    """The name of the index of the vectors."""
    return next((str(one.name) for one in table.list_indices() if one.columns == [VECTOR]), None)


def _quoted(text: str) -> str:
    """As a text of SQL."""
    return "'" + text.replace("'", "''") + "'"
