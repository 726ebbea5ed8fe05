"""What a run was asked to do, as it stands in a manifest and is told to processes and machines."""

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from schemas import formats
from schemas.errors import ConfigurationError
from tasks.bulk import sinks
from tasks.bulk.sinks import Sink
from tasks.bulk.work import Work

# By the command: none pays for what another needs.
_WORKS = {"convert": ("tasks.bulk.converting", "Converting"), "extract": ("tasks.bulk.extracting", "Extracting")}


@dataclass(frozen=True, slots=True)
class Job:
    """`work` with its options, and what becomes of it: the name of a format, or the address of a database."""

    work: Work
    to: str = "parquet"
    rows_per_file: int | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what cannot be."""
        if self.sink is None and self.to not in written():
            raise ConfigurationError(f"--to: there is no output {self.to!r}; there are {', '.join(written())}")

    @property
    def sink(self) -> Sink | None:
        """Of the database, if it is one."""
        return sinks.find(self.to)

    def plain(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {**asdict(self), "command": self.work.NAME}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """What `plain` gave. Raises KeyError, TypeError or ValueError for anything else."""
        module, name = _WORKS[plain["command"]]
        work = getattr(importlib.import_module(module), name)(**plain["work"])
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
