"""A run as a whole: begun or gone on with, its parts done by an engine, its end checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.bounded import MOST_VALUES
from schemas.errors import ConfigurationError
from schemas.formats import Fault
from schemas.signatures import Signatures
from tasks.bulk import batches, ledger, places, plan
from tasks.bulk.conversion import first
from tasks.bulk.job import Job
from tasks.bulk.ledger import Record
from tasks.bulk.part import file_name
from tasks.bulk.places import Folder, Source
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


def begun(job: Callable[[int], Job], inputs: Sequence[str], output: str, shard: Shard, signatures: Signatures) -> Run:
    """A run that is begun or gone on with; `job` is what to do with vectors of a dimension.

    Raises ConfigurationError.
    """
    sources = places.find(inputs)
    folder = places.folder(output)
    manifest = folder.read(plan.MANIFEST)
    known = Plan.decode(manifest).job.dimension if manifest else None
    made = job(known) if known else sized(job, sources, signatures)
    return Run(plan.made(folder, made, sources), output, folder, shard)


def sized(job: Callable[[int], Job], sources: Sequence[Source], signatures: Signatures) -> Job:
    """The job for vectors of as many values as the first voiceprint has that is good, where there is one.

    Raises ConfigurationError where nothing says which model made it.
    """
    # As many as there can be: what is asked of them fits.
    asked = job(MOST_VALUES)
    for source in sources:
        for batch in batches.read(source.path, asked.asked):
            if isinstance(batch, Fault) or (found := first(batch, asked.raw, signatures)) is None:
                continue
            dimension, model = found
            if model is None and asked.model is None:
                raise ConfigurationError(
                    f"nothing in {source.path} says which model made its voiceprints: name the model with --model"
                )
            return job(dimension)
    return job(asked.to_dimension or 1)
