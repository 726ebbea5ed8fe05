"""What a run is to do: its sources cut into parts. It stands in the output's manifest, so that whoever goes on with the
run, be it after a kill, on another machine or as another shard, does the same."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from schemas import json
from schemas.bounded import HEAD_BYTES
from schemas.errors import ConfigurationError, VoiceprintError
from schemas.formats import Asked, parquet
from tasks.bulk import places
from tasks.bulk.job import Job
from tasks.bulk.places import Folder, Source

MANIFEST = "_manifest.json"
_VERSION = 1
# Files of a part, and their bytes, where a file cannot be cut.
_PART_FILES, _PART_BYTES = 4096, 1 << 28


@dataclass(frozen=True, slots=True)
class Piece:
    """A source, whole, or some of its row groups; `rows` is how many it has, where that is known."""

    source: int
    groups: tuple[int, int] | None = None
    rows: int | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`parts` are numbered by their order."""

    job: Job
    sources: tuple[Source, ...]
    parts: tuple[tuple[Piece, ...], ...]

    def encode(self) -> bytes:
        return json.encode({"version": _VERSION, **asdict(self)}, indent=True)

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Raises ConfigurationError for a manifest of another version, or one that is none."""
        try:
            found = json.decode(content)
            if found["version"] != _VERSION:
                raise ConfigurationError(f"the manifest has version {found['version']}; {_VERSION} is read here")
            parts = tuple(tuple(_piece(piece) for piece in part) for part in found["parts"])
            return cls(Job(**found["job"]), tuple(Source(**source) for source in found["sources"]), parts)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"the manifest {MANIFEST} is damaged: {error}") from error

    def size(self, part: int) -> int:
        return sum(piece.size for piece in self.parts[part])


def _piece(found: dict[str, Any]) -> Piece:
    groups = found.pop("groups")
    return Piece(groups=None if groups is None else (int(groups[0]), int(groups[1])), **found)


def whole(job: Job, sources: Sequence[Source]) -> Plan:
    """All in one part."""
    return Plan(job, tuple(sources), (tuple(Piece(number) for number in range(len(sources))),))


def made(folder: Folder, job: Job, sources: Sequence[Source]) -> Plan:
    """The plan of an output, made now or when it was begun. Raises ConfigurationError where it was begun with other
    sources or options, or has files of something else in it."""
    if (begun := folder.read(MANIFEST)) is None:
        if others := [name for name in folder.names() if not name.startswith(".")]:
            raise ConfigurationError(
                f"the output is not empty, and has no {MANIFEST}: it has {others[0]}; name another"
            )
        plan = Plan(job, tuple(sources), tuple(_parts(job, sources)))
        if folder.create(MANIFEST, plan.encode()):
            return plan
        # Another shard was faster.
        begun = folder.read(MANIFEST) or b""
    plan = Plan.decode(begun)
    if plan.job != job:
        raise ConfigurationError(
            f"the output was begun with {_difference(plan.job, job)}: name another, or do the same"
        )
    if list(plan.sources) != list(sources):
        raise ConfigurationError("the output was begun with other inputs, or they have changed since: name another")
    return plan


def _difference(one: Job, other: Job) -> str:
    before, now = asdict(one), asdict(other)
    names = [name for name in before if before[name] != now[name]]
    return " and ".join(f"--{name.replace('_', '-')} {before[name]}, not {now[name]}" for name in names)


def _parts(job: Job, sources: Sequence[Source]) -> Iterator[tuple[Piece, ...]]:
    part: list[Piece] = []
    for piece in _pieces(job, sources):
        if part and (
            len(part) == _PART_FILES
            or sum(one.size for one in part) + piece.size > _PART_BYTES * (1 if piece.rows is None else 1 << 20)
            or sum(one.rows or 0 for one in part) + (piece.rows or 0) > job.rows_per_file
        ):
            yield tuple(part)
            part = []
        part.append(piece)
    if part:
        yield tuple(part)


def _pieces(job: Job, sources: Sequence[Source]) -> Iterator[Piece]:
    """Every source whole, but row groups of Parquet by themselves."""
    for number, source in enumerate(sources):
        groups = _groups(source, job.asked)
        if groups is None:
            yield Piece(number, size=source.size)
            continue
        begin, rows, size = 0, 0, 0
        for group, (count, bytes_) in enumerate(groups):
            if rows and rows + count > job.rows_per_file:
                yield Piece(number, (begin, group), rows, size)
                begin, rows, size = group, 0, 0
            rows, size = rows + count, size + bytes_
        yield Piece(number, (begin, len(groups)), rows, size)


def _groups(source: Source, asked: Asked) -> list[tuple[int, int]] | None:
    """Rows and bytes of each row group; None where there are none, or the file cannot be read, which is told later."""
    try:
        with places.opened(source.path) as file:
            if not parquet.recognises(file.read(HEAD_BYTES)):
                return None
            file.seek(0)
            return parquet.groups(file, asked) or None
    except (VoiceprintError, OSError):
        return None
