"""A technology, a request for it that has not been sent, and a task that it has become."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from voiceprint_client.content import Content

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Technology(Generic[Result]):
    """Its name in the path, and what it answers."""

    name: str
    result: type[Result]


@dataclass(frozen=True, slots=True)
class Request(Generic[Result]):
    """What the functions of `voiceprint_client.ask` make; it may be sent any number of times. `source` is what they
    were given: the recording, the voiceprints, or those of both sides."""

    technology: Technology[Result]
    content: Content = field(repr=False)
    parameters: Mapping[str, str]
    source: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Task(Generic[Result]):
    """A task of the appliance. Made of a technology and an id that was written down, it stands for the same task."""

    technology: Technology[Result]
    task_id: str

    @property
    def path(self) -> str:
        """Where it is polled and erased."""
        return f"/api/technology/{self.technology.name}/{self.task_id}"
