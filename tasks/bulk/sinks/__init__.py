"""Vector databases into which vectors can be put, one file each, found by the scheme of an address.

Every module of this folder is found by itself and must have what `Sink` asks for. A table holds the entries of
`tasks/bulk/entries.py`, so that putting in what is there already changes nothing. They are of one embedding space, and
near to each other by their cosine.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

from schemas.errors import ConfigurationError
from tasks.bulk.means import Means

METRIC = "cosine"
_PARTS = ("SCHEMES", "FORM", "VALUES", "normal", "prepare", "opened")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the vectors of a table have in common: how many values each has, and their embedding space."""

    dimension: int
    space: str


class Table(Protocol):
    """A table of a database, or collection, as some call it. All raise ConfigurationError where it is out of reach."""

    def put(self, entries: Any) -> None:
        """Adds entries, an Arrow table, in place of those of the same ids. They are there to stay when it returns."""

    def count(self, sources: Sequence[str]) -> int:
        """How many entries there are of these sources."""

    def finish(self) -> None:
        """Makes what was put in ready to be searched."""


class Sink(Protocol):
    """What a module of this folder provides: the `SCHEMES` of its addresses, the `FORM` of one as people write it, and
    how many `VALUES` it likes to be given together. All raise ConfigurationError for what cannot be reached or used."""

    SCHEMES: Sequence[str]
    FORM: str
    VALUES: int

    def normal(self, address: str) -> str:
        """The address as it means the same wherever it is used."""

    def prepare(self, address: str, identity: Identity, means: Means) -> None:
        """Makes the table, or looks whether the one that is there is for such vectors."""

    def opened(self, address: str, means: Means) -> AbstractContextManager[Table]:
        """The table, which has been prepared."""


@cache
def sinks() -> Mapping[str, Sink]:
    """Every sink by its schemes. Raises ConfigurationError that names a file which falls short."""
    found: dict[str, Sink] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        if missing := [name for name in _PARTS if not hasattr(loaded, name)]:
            raise ConfigurationError(f"tasks/bulk/sinks/{module.name}.py lacks {', '.join(missing)}")
        found |= dict.fromkeys(loaded.SCHEMES, cast("Sink", loaded))
    return found


def find(address: str) -> Sink | None:
    """The sink of an address; None for what is the address of no database."""
    scheme, colon, _ = address.partition("://")
    return sinks().get(scheme) if colon else None


def client(package: str, extra: str) -> Any:
    """A database's own package. Raises ConfigurationError where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigurationError(
            f"{package} is not installed: pip install 'voiceprint-appliance[bulk,{extra}]'"
        ) from error


@contextmanager
def reaching(address: str, *kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds become ConfigurationErrors that name the address."""
    try:
        yield
    except kinds as error:
        raise ConfigurationError(f"{address} cannot be used: {error}") from error


def require(address: str, *, fits: bool, but: str) -> None:
    """Raises ConfigurationError for a table that does not fit what is to be put in; `but` says why not."""
    if not fits:
        raise ConfigurationError(f"{address} {but}: name a table that is not there, and it is made as it must be")
