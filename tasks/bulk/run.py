"""A run as a whole: begun or gone on with, its parts done by an engine, its end checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from schemas.errors import ConfigurationError, Internal
from tasks.bulk import ledger, places, plan
from tasks.bulk.job import Job
from tasks.bulk.ledger import Record
from tasks.bulk.means import Means
from tasks.bulk.part import dimension, file_name
from tasks.bulk.places import Folder
from tasks.bulk.plan import Plan
from tasks.bulk.sinks import Identity, Sink


@dataclass(frozen=True, slots=True)
class Progress:
    """Of a part: how many rows were read so far, and its record once it is done."""

    part: int
    rows: int
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of one of several runs that know nothing of each other: `number` of `count`, from 1."""

    number: int = 1
    count: int = 1

    def has(self, part: int) -> bool:
        return part % self.count == self.number - 1


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose output lies in `folder`."""

    plan: Plan
    path: str
    folder: Folder
    shard: Shard

    def waiting(self) -> list[int]:
        """The parts of this shard that are not done."""
        done = ledger.records(self.folder, self.plan)
        return [part for part in range(len(self.plan.parts)) if self.shard.has(part) and part not in done]

    def ended(self, means: Means) -> tuple[Record, int]:
        """What was done by this shard, or by all when none has anything left to do, and how many parts others have.

        Raises Internal where a row was lost, ConfigurationError where two rows have the same key.
        """
        done = ledger.records(self.folder, self.plan)
        ledger.check(self.folder, self.plan, done, partial(file_name, self.plan))
        left = len(self.plan.parts) - len(done)
        if left:
            return ledger.total(record for part, record in done.items() if self.shard.has(part)), left
        ledger.gather_rejects(self.folder, done)
        self.folder.sweep()
        record = ledger.total(done.values())
        if self.plan.job.sink:
            _finish(self.plan, self.plan.job.sink, record, means)
        return record, 0


def begun(job: Job, inputs: Sequence[str], output: str, shard: Shard, means: Means) -> Run:
    """A run that is begun or gone on with. Raises ConfigurationError."""
    # In a database ids are made of the paths, which should be the same wherever the command is run.
    sources = job.work.sources([places.absolute(one) for one in inputs] if job.sink else inputs)
    folder = places.folder(output)
    manifest = folder.read(plan.MANIFEST)
    before = Plan.decode(manifest).job.work if manifest else None
    work = job.work.settled(sources, before if isinstance(before, type(job.work)) else None, means)
    if job.sink:
        if work.space is None:
            raise ConfigurationError("nothing in the inputs has a vector, so that no table can be made for it")
        job.sink.prepare(job.to, Identity(dimension(work), work.space), means)
    return Run(plan.made(folder, replace(job, work=work), sources), output, folder, shard)


def _finish(plan: Plan, sink: Sink, record: Record, means: Means) -> None:
    """Makes a database ready, and asks it whether it has all that was put in."""
    job = plan.job
    with sink.opened(job.to, means) as table:
        table.finish()
        lacking = record.vectors - table.count([source.path for source in plan.sources])
    if lacking > 0 and job.work.key is not None:
        raise ConfigurationError(
            f"{lacking:,} of {record.vectors:,} vectors were replaced in {job.to}, since other rows have the same "
            f"{job.work.key}: without --key each row has an entry of its own"
        )
    if lacking > 0:
        raise Internal(f"{job.to} lacks {lacking:,} of the {record.vectors:,} vectors that were put in")
