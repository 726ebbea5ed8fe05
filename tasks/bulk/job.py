"""What a run was asked to do, as it stands in a manifest and is told to processes and machines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from schemas import formats
from schemas.errors import ConfigurationError
from tasks.bulk.converting import Converting
from tasks.bulk.work import Work

ROWS_PER_FILE = 1 << 18
WORKS: Mapping[str, type[Any]] = {one.NAME: one for one in (Converting,)}


@dataclass(frozen=True, slots=True)
class Job:
    """`work` with its options, and how what comes of it is written."""

    work: Work
    to: str = "parquet"
    rows_per_file: int = ROWS_PER_FILE

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what cannot be."""
        if self.to not in written():
            raise ConfigurationError(f"--to: there is no output {self.to!r}; there are {', '.join(written())}")

    def plain(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {**asdict(self), "command": self.work.NAME}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """What `plain` gave. Raises KeyError, TypeError or ValueError for anything else."""
        work = WORKS[plain["command"]](**plain["work"])
        return cls(work, plain["to"], plain["rows_per_file"])

    def difference(self, other: Self) -> str:
        """By which options the other differs, in words."""
        before, now = self._options(), other._options()
        names = [name for name in before | now if before.get(name) != now.get(name)]
        return " and ".join(f"--{name.replace('_', '-')} {before.get(name)}, not {now.get(name)}" for name in names)

    def _options(self) -> dict[str, Any]:
        plain = self.plain()
        return {**plain.pop("work"), **plain}


def written() -> list[str]:
    """The names of the formats that can be written."""
    return [name for name, one in formats.formats().items() if hasattr(one, "write")]
