"""What a run is to do: its sources cut into parts. It stands in the output's manifest, so that whoever goes on with the
run, be it after a kill, on another machine or as another shard, does the same."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from schemas import json
from schemas.errors import ConfigurationError
from tasks.bulk.job import Job
from tasks.bulk.places import Folder, Source
from tasks.bulk.work import Part, Piece

MANIFEST = "_manifest.json"
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """`parts` are numbered by their order."""

    job: Job
    sources: tuple[Source, ...]
    parts: tuple[Part, ...]

    def encode(self) -> bytes:
        return json.encode({"version": _VERSION, **asdict(self), "job": self.job.plain()}, indent=True)

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Raises ConfigurationError for a manifest of another version, or one that is none."""
        try:
            found = json.decode(content)
            if found["version"] != _VERSION:
                raise ConfigurationError(f"the manifest has version {found['version']}; {_VERSION} is read here")
            parts = tuple(tuple(_piece(piece) for piece in part) for part in found["parts"])
            return cls(Job.of(found["job"]), tuple(Source(**source) for source in found["sources"]), parts)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"the manifest {MANIFEST} is damaged: {error}") from error

    def size(self, part: int) -> int:
        return sum(piece.size for piece in self.parts[part])

    def pieces(self, part: int) -> list[tuple[str, Piece]]:
        """Those of the part, each with the path of its source."""
        return [(self.sources[piece.source].path, piece) for piece in self.parts[part]]


def _piece(found: dict[str, Any]) -> Piece:
    groups = found.pop("groups")
    return Piece(groups=None if groups is None else (int(groups[0]), int(groups[1])), **found)


def made(folder: Folder, job: Job, sources: Sequence[Source]) -> Plan:
    """The plan of an output, made now or when it was begun. Raises ConfigurationError where it was begun with other
    sources or options, or has files of something else in it."""
    if (begun := folder.read(MANIFEST)) is None:
        if others := [name for name in folder.names() if not name.startswith(".")]:
            raise ConfigurationError(
                f"the output is not empty, and has no {MANIFEST}: it has {others[0]}; name another"
            )
        plan = Plan(job, tuple(sources), tuple(job.work.parts(sources, job.rows_per_file)))
        if folder.create(MANIFEST, plan.encode()):
            return plan
        # Another shard was faster.
        begun = folder.read(MANIFEST) or b""
    plan = Plan.decode(begun)
    if plan.job != job:
        raise ConfigurationError(f"the output was begun with {plan.job.difference(job)}: name another, or do the same")
    if list(plan.sources) != list(sources):
        raise ConfigurationError("the output was begun with other inputs, or they have changed since: name another")
    return plan
