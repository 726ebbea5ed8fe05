"""One part of a run: its sources read, worked on and written. Its files are moved into place, then its record: a part
without one is not done, and is done again from its beginning."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any, BinaryIO, cast

import numpy as np

from schemas import arrow, formats, json
from schemas.formats import Fault, ndjson
from tasks.bulk.batches import KEY, ROW, SOURCE
from tasks.bulk.conversion import FAULT, KIND, MODEL, VECTOR
from tasks.bulk.ledger import Record, record_name, rejects_name
from tasks.bulk.means import Means
from tasks.bulk.places import Folder
from tasks.bulk.plan import Plan
from tasks.bulk.work import Done, Work

Tell = Callable[[int], None]
Refuse = Callable[[dict[str, str | int | None]], Any]


def file_name(plan: Plan, part: int) -> str:
    to: Any = formats.formats()[plan.job.to]
    return f"part-{part:05d}{to.SUFFIX}"


def work(plan: Plan, part: int, folder: Folder, means: Means, tell: Tell = lambda _: None) -> Record:
    """Does the part and leaves its files; `tell` is given how many rows were read, time after time.

    Raises OSError where a file cannot be written.
    """
    to: Any = formats.formats()[plan.job.to]
    with ExitStack() as stack:

        @cache
        def rejects() -> BinaryIO:
            return cast("BinaryIO", stack.enter_context(folder.replacing(rejects_name(part))))

        job = plan.job
        sifted = Sifted(job.work, lambda one: rejects().write(json.encode(one) + b"\n"), tell)
        good = sifted.good(job.work.done(plan.pieces(part), means))
        if not getattr(to, "TELLS_ROWS", True):
            good = _told_beside(stack.enter_context(folder.replacing(f"_part-{part:05d}.rows.ndjson")), good)
        to.write(stack.enter_context(folder.replacing(file_name(plan, part))), schema(job.work), good)
    with folder.replacing(record_name(part)) as file:
        file.write(sifted.record().encode())
    return sifted.record()


def _told_beside(file: BinaryIO, good: Iterator[Any]) -> Iterator[Any]:
    """The same batches; what they tell of each row but its vector is written to `file`."""
    for batch in good:
        file.write(ndjson.lines(batch.drop_columns([VECTOR])))
        yield batch


def schema(work: Work) -> Any:
    """Of what is written: nothing is null but the key of a row that has none."""
    fields = [one.with_nullable(one.name == KEY) for one in work.fields()]
    return arrow.pyarrow().schema(fields, metadata={"voiceprint": json.encode(work.told())})


class Sifted:
    """Tells vectors from rejects, and counts both. `refuse` is given each reject, `tell` how many rows were read."""

    def __init__(self, work: Work, refuse: Refuse, tell: Tell = lambda _: None) -> None:
        self._refuse, self._tell = refuse, tell
        self._schema = schema(work).remove_metadata()
        self._rows = self._vectors = 0
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
                fault = done.found
                self._reject(done.path, fault.row, fault.key, fault.error.kind, fault.error.message)
                continue
            kept = self._kept(done.path, done.found)
            if len(kept):
                yield self._written(kept)
            self._tell(self._rows)
        self._tell(self._rows)

    def record(self) -> Record:
        lengths = np.sqrt([min(self._squares), max(self._squares)]).tolist() if self._squares else [None, None]
        return Record(self._rows, self._vectors, dict(self._rejects), dict(self._models), *lengths)

    def _kept(self, path: str, batch: Any) -> Any:
        faults = batch.column(FAULT)
        if faults.null_count == len(batch):
            return batch
        refused = batch.filter(faults.is_valid()).select([ROW, KEY, KIND, FAULT])
        for row in zip(*(column.to_pylist() for column in refused.columns), strict=True):
            self._reject(path, *row)
        return batch.filter(faults.is_null())

    def _reject(self, path: str, row: int, key: str | None, kind: str, message: str) -> None:
        self._refuse({SOURCE: path, ROW: row, KEY: key, "type": kind, "message": message})
        self._rejects[kind] += 1

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
