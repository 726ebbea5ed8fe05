"""A run as a whole: begun or gone on with, its parts done by an engine, its end checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.bulk import ledger, places, plan
from tasks.bulk.job import Job
from tasks.bulk.ledger import Record
from tasks.bulk.means import Means
from tasks.bulk.part import file_name
from tasks.bulk.places import Folder
from tasks.bulk.plan import Plan


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

    def ended(self) -> tuple[Record, int]:
        """What was done by this shard, or by all when none has anything left to do, and how many parts others have.

        Raises Internal where a row was lost.
        """
        done = ledger.records(self.folder, self.plan)
        files = [file_name(self.plan, part) for part in range(len(self.plan.parts))]
        ledger.check(self.folder, self.plan, done, files)
        left = len(self.plan.parts) - len(done)
        if left:
            return ledger.total(record for part, record in done.items() if self.shard.has(part)), left
        ledger.gather_rejects(self.folder, done)
        self.folder.sweep()
        return ledger.total(done.values()), 0


def begun(job: Job, inputs: Sequence[str], output: str, shard: Shard, means: Means) -> Run:
    """A run that is begun or gone on with. Raises ConfigurationError."""
    sources = job.work.sources(inputs)
    folder = places.folder(output)
    manifest = folder.read(plan.MANIFEST)
    before = Plan.decode(manifest).job.work if manifest else None
    work = job.work.settled(sources, before if isinstance(before, type(job.work)) else None, means)
    return Run(plan.made(folder, replace(job, work=work), sources), output, folder, shard)
