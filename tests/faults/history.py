"""What happened, in order: one JSON object a line, so that a failure can be looked at and judged again."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

Event = dict[str, Any]


class History:
    """Every event of one run, in memory and in a file.

    An event says `what` happened and `at` how many seconds after the beginning. `scope` names the state of an appliance
    that it happened in: the tasks of one scope have nothing to do with those of another, unless it was copied from it.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._begun = time.monotonic()
        self.events: list[Event] = []
        self.acknowledged = 0
        self.scope = ""
        # Told of each event and of how many tasks are acknowledged by then.
        self.listener: Callable[[Event, int], None] = lambda *_: None

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> "Iterator[History]":
        """A history that is written to `path` while it grows."""
        with path.open("w", buffering=1) as file:
            yield cls(file)

    def now(self) -> float:
        return round(time.monotonic() - self._begun, 4)

    def note(self, what: str, **facts: Any) -> Event:
        """One more event, on its way to the disk."""
        event: Event = {"at": self.now(), "scope": self.scope, "what": what} | facts
        self.events.append(event)
        self._file.write(json.dumps(event) + "\n")
        # The number of tasks, not of times that somebody was told of one.
        self.acknowledged += what == "acknowledged" and not facts["again"]
        self.listener(event, self.acknowledged)
        return event

    def branch(self, scope: str) -> None:
        """From here on everything happens in `scope`, whose appliance has the state that the present one had."""
        self.note("copied", to=scope)
        self.scope = scope


def read(path: Path) -> list[Event]:
    """The events of a finished run."""
    return [json.loads(line) for line in path.read_text().splitlines()]
