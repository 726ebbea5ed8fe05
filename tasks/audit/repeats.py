"""The same event again and again: told at once the first time, and once a minute after that, with how often."""

from dataclasses import replace
from typing import Any

from tasks.audit.event import Event, Who

PERIOD_SECONDS = 60.0
# What comes from more callers, or for more tasks, than these in a minute is told as one.
_MOST_TOLD_APART = 1000
# What differs from one task to the next.
_OF_ONE_TASK = frozenset({"task", "bytes"})


class Repeats:
    """Times are in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        # When the period of an event ends, the event, and how often it has come again.
        self._seen: dict[tuple[Any, ...], tuple[float, Event, int]] = {}

    def first(self, event: Event, now: float) -> Event | None:
        """What is to be written now; None when the event only counts."""
        if len(self._seen) >= _MOST_TOLD_APART and event.likeness not in self._seen:
            # A result is handed out to one who is known by name: that is always told.
            if event.what == "task.read":
                return event
            which = {name: value for name, value in event.which.items() if name not in _OF_ONE_TASK}
            event = replace(event, who=Who(event.who.kind, name="many others"), which=which)
        key = event.likeness
        if key in self._seen:
            end, _, times = self._seen[key]
            self._seen[key] = end, event, times + 1
            return None
        self._seen[key] = now + PERIOD_SECONDS, event, 0
        return event

    @property
    def waiting(self) -> bool:
        """Whether there is something that will be due."""
        return bool(self._seen)

    def forget(self, event: Event) -> None:
        """The event was not written: the next one is the first again."""
        self._seen.pop(event.likeness, None)

    def due(self, now: float) -> list[Event]:
        """Those of periods that have ended, `times` each; `float("inf")` for all."""
        ended = [key for key, (end, _, _) in self._seen.items() if end <= now]
        counted = [self._seen.pop(key) for key in ended]
        return [replace(event, times=times) for _, event, times in counted if times]
