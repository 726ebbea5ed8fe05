"""What was done of a run: a record of each part, their sum, and the check that no row was lost."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Self

from schemas import arrow, json
from schemas.errors import ConfigurationError, Internal
from tasks.bulk.places import Folder
from tasks.bulk.plan import Plan

REJECTS = "_rejects.ndjson"
_RECORDS = "_records"
# How far the length of a vector may be from 1 that is called of unit length; float16 has three digits.
_UNIT = 2e-3


@dataclass(frozen=True, slots=True)
class Record:
    """Of a part, or of several: rows that were read and what came of them, of which there is one for a voiceprint and
    one for each channel of a recording; vectors that were written, rejects by their type, vectors by their model, and
    the lengths of the shortest and the longest vector."""

    rows: int = 0
    outcomes: int = 0
    vectors: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    shortest: float | None = None
    longest: float | None = None

    @property
    def rejected(self) -> int:
        return sum(self.rejects.values())

    @property
    def unit_length(self) -> bool:
        """Whether every vector has the length 1."""
        lengths = (self.shortest, self.longest)
        return all(one is not None and abs(one - 1) < _UNIT for one in lengths)

    def encode(self) -> bytes:
        return json.encode(asdict(self))

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Raises ConfigurationError for what is no record."""
        try:
            return cls(**json.decode(content))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"a record of the output is damaged: {error}; delete it to redo its part"
            ) from error


def record_name(part: int) -> str:
    return f"{_RECORDS}/part-{part:05d}.json"


def rejects_name(part: int) -> str:
    return f"{_RECORDS}/part-{part:05d}.rejects.ndjson"


def records(folder: Folder, plan: Plan) -> dict[int, Record]:
    """Those of the parts that are done."""
    there = set(folder.names(_RECORDS))
    done = (part for part in range(len(plan.parts)) if record_name(part).rpartition("/")[2] in there)
    return {part: Record.decode(folder.read(record_name(part)) or b"") for part in done}


def total(found: Iterable[Record]) -> Record:
    """The sum of records."""
    rejects, models, rows, outcomes, vectors = Counter[str](), Counter[str](), 0, 0, 0
    shortest: list[float] = []
    longest: list[float] = []
    for one in found:
        rows, outcomes, vectors = rows + one.rows, outcomes + one.outcomes, vectors + one.vectors
        rejects.update(one.rejects)
        models.update(one.models)
        shortest += [] if one.shortest is None else [one.shortest]
        longest += [] if one.longest is None else [one.longest]
    return Record(
        rows,
        outcomes,
        vectors,
        dict(sorted(rejects.items())),
        dict(sorted(models.items())),
        min(shortest, default=None),
        max(longest, default=None),
    )


def check(folder: Folder, plan: Plan, done: dict[int, Record], name: Callable[[int], str]) -> None:
    """Raises Internal where a row is missing: of those that a source has, that were read, or that a file holds, which
    `name` tells of a part."""
    for part, record in done.items():
        known = [piece.rows for piece in plan.parts[part]]
        if all(rows is not None for rows in known) and sum(filter(None, known)) != record.rows and not record.rejects:
            raise Internal(f"part {part} read {record.rows} rows of {sum(filter(None, known))}")
        if record.outcomes < record.rows or record.outcomes != record.vectors + record.rejected:
            raise Internal(f"part {part} lost rows: {record.outcomes} came of them, {record.vectors} were written")
        if plan.job.to == "parquet":
            with folder.opened(name(part)) as file:
                held = arrow.pyarrow("pyarrow.parquet").read_metadata(file).num_rows
            if held != record.vectors:
                raise Internal(f"{name(part)} has {held} rows, and {record.vectors} were written")


def gather_rejects(folder: Folder, done: dict[int, Record]) -> None:
    """The rejects of all parts in one file, in order; there is none where there were none."""
    rejecting = [part for part in sorted(done) if done[part].rejects]
    if not rejecting:
        return
    with folder.replacing(REJECTS) as file:
        for part in rejecting:
            with folder.opened(rejects_name(part)) as rejects:
                shutil.copyfileobj(rejects, file, 1 << 20)
