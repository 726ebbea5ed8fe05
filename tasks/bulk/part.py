"""One part of a run: its sources read, worked on and written. Its files are moved into place, then its record: a part
without one is not done, and is done again from its beginning."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any, BinaryIO, cast

import numpy as np

from schemas import arrow, formats, json
from schemas.formats import Fault, ndjson
from tasks.bulk.batches import CHANNEL, KEY, ROW, SOURCE
from tasks.bulk.conversion import FAULT, KIND, MODEL, SPACE, VECTOR
from tasks.bulk.entries import entries
from tasks.bulk.ledger import Record, record_name, rejects_name
from tasks.bulk.means import Means
from tasks.bulk.places import Folder
from tasks.bulk.plan import Plan
from tasks.bulk.work import Done, Work

_ALWAYS = {SOURCE, ROW, MODEL, SPACE, VECTOR}
# What is told of a reject, and by what name.
_REFUSED = {SOURCE: SOURCE, ROW: ROW, KEY: KEY, CHANNEL: CHANNEL, KIND: "type", FAULT: "message"}
# Rows that are worth being written by themselves, or their bytes.
_TOGETHER_ROWS, _TOGETHER_BYTES = 1 << 9, 1 << 22

Tell = Callable[[int], None]
Refuse = Callable[[dict[str, Any]], Any]


def file_name(plan: Plan, part: int) -> str:
    to: Any = formats.formats()[plan.job.to]
    return f"part-{part:05d}{to.SUFFIX}"


def work(plan: Plan, part: int, folder: Folder, means: Means, tell: Tell = lambda _: None) -> Record:
    """Does the part and leaves its files, or its entries in a database; `tell` is given how many rows were read, time
    after time.

    Raises OSError where a file cannot be written, ConfigurationError where a database cannot be reached.
    """
    with ExitStack() as stack:

        @cache
        def rejects() -> BinaryIO:
            return cast("BinaryIO", stack.enter_context(folder.replacing(rejects_name(part))))

        job = plan.job
        sifted = Sifted(job.work, lambda one: rejects().write(json.encode(one) + b"\n"), tell)
        good = _together(sifted.good(job.work.done(plan.pieces(part), means)))
        if job.sink:
            table = stack.enter_context(job.sink.opened(job.to, means))
            by_key = job.work.key is not None
            for some in entries(good, dimension(job.work), by_key=by_key, values=job.sink.VALUES):
                table.put(some)
        else:
            to: Any = formats.formats()[job.to]
            if not getattr(to, "TELLS_ROWS", True):
                good = _told_beside(stack.enter_context(folder.replacing(f"_part-{part:05d}.rows.ndjson")), good)
            to.write(stack.enter_context(folder.replacing(file_name(plan, part))), schema(job.work), good)
    with folder.replacing(record_name(part)) as file:
        file.write(sifted.record().encode())
    return sifted.record()


def _together(good: Iterable[Any]) -> Iterator[Any]:
    """The same rows in batches that are worth writing: of few rows, what stands around them is more than they are."""
    held: list[Any] = []
    for batch in good:
        held.append(batch)
        if sum(map(len, held)) >= _TOGETHER_ROWS or sum(one.nbytes for one in held) >= _TOGETHER_BYTES:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(held: Sequence[Any]) -> Any:
    if len(held) == 1:
        return held[0]
    (joined,) = arrow.pyarrow().Table.from_batches(held).combine_chunks().to_batches()
    return joined


def _told_beside(file: BinaryIO, good: Iterator[Any]) -> Iterator[Any]:
    """The same batches; what they tell of each row but its vector is written to `file`."""
    for batch in good:
        file.write(ndjson.lines(batch.drop_columns([VECTOR])))
        yield batch


def schema(work: Work) -> Any:
    """Of what is written: what every vector has is never null."""
    fields = [one.with_nullable(one.name not in _ALWAYS) for one in work.fields()]
    return arrow.pyarrow().schema(fields, metadata={"voiceprint": json.encode(work.told())})


def dimension(work: Work) -> int:
    """How many values the vectors have that are written."""
    return int(schema(work).field(VECTOR).type.list_size)


class Sifted:
    """Tells vectors from rejects, and counts both. `refuse` is given each reject, `tell` how many rows were read."""

    def __init__(self, work: Work, refuse: Refuse, tell: Tell = lambda _: None) -> None:
        self._refuse, self._tell = refuse, tell
        self._schema = schema(work).remove_metadata()
        self._rows = self._outcomes = self._vectors = 0
        self._rejects = Counter[str]()
        self._models = Counter[str]()
        self._squares: list[float] = []
        types = arrow.pyarrow().types
        self._names = {one.name: _Names() for one in self._schema if types.is_dictionary(one.type)}

    def good(self, stream: Iterator[Done]) -> Iterator[Any]:
        """What is to be written, as `schema` says."""
        for done in stream:
            self._rows += done.rows
            if isinstance(done.found, Fault):
                row, error, key = done.found.row, done.found.error, done.found.key
                self._outcomes += 1
                self._reject({SOURCE: done.path, ROW: row, KEY: key, KIND: error.kind, FAULT: error.message})
                continue
            self._outcomes += len(done.found)
            kept = self._kept(done.found)
            if len(kept):
                yield self._written(kept)
            self._tell(self._rows)
        self._tell(self._rows)

    def record(self) -> Record:
        lengths = np.sqrt([min(self._squares), max(self._squares)]).tolist() if self._squares else [None, None]
        return Record(self._rows, self._outcomes, self._vectors, dict(self._rejects), dict(self._models), *lengths)

    def _kept(self, batch: Any) -> Any:
        faults = batch.column(FAULT)
        if faults.null_count == len(batch):
            return batch
        named = [name for name in _REFUSED if name in batch.schema.names]
        for row in batch.filter(faults.is_valid()).select(named).to_pylist():
            self._reject(row)
        return batch.filter(faults.is_null())

    def _reject(self, row: Mapping[str, Any]) -> None:
        self._refuse({told: row[name] for name, told in _REFUSED.items() if name in row})
        self._rejects[row[KIND]] += 1

    def _written(self, batch: Any) -> Any:
        pa = arrow.pyarrow()
        self._vectors += len(batch)
        values = arrow.matrix(batch.column(VECTOR))
        with np.errstate(all="ignore"):
            squares = np.vecdot(values, values)
        if not np.isfinite(squares).all():
            wide = values.astype(np.float64)
            squares = np.vecdot(wide, wide)
        self._squares = [
            min([*self._squares[:1], float(squares.min())]),
            max([*self._squares[1:], float(squares.max())]),
        ]
        models = batch.column(MODEL)
        for name, count in zip(models.dictionary.to_pylist(), np.bincount(models.indices), strict=False):
            self._models[name] += int(count)
        columns = [
            self._names[name].encoded(batch.column(name)) if name in self._names else batch.column(name)
            for name in self._schema.names
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


class _Names:
    """One dictionary for all batches: whoever writes them need not change it."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def encoded(self, column: Any) -> Any:
        pa = arrow.pyarrow()
        own = [self._codes.setdefault(name, len(self._codes)) for name in column.dictionary.to_pylist()]
        codes = np.array(own, np.int32)[column.indices.to_numpy()]
        return pa.DictionaryArray.from_arrays(codes, pa.array(self._codes, pa.string()))
