"""What is told of an event: who, what, which task, when and with what outcome; never audio, vectors or names of files.

`docs/audit.md` lists the kinds of events and the fields of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.networks import network
from tasks.record import now_ms

What = Literal[
    "appliance.started",
    "appliance.stopped",
    "process.started",
    "process.stopped",
    "task.submitted",
    "task.withdrawn",
    "task.read",
    "task.ended",
    "task.damaged",
    "task.erased",
    "request.refused",
    "keys.created",
    "keys.revoked",
    "keyring.created",
    "keyring.rotated",
    "keyring.dropped",
    "models.installed",
    "models.added",
    "models.retired",
    "heads.added",
    "heads.removed",
    "backup.made",
    "backup.restored",
    "audit.torn",
    "audit.truncated",
    "audit.resumed",
]
# A name that is longer is cut: no line becomes long by what it tells.
_MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Who:
    """Whose doing an event is: the holder of an API `key` (its `id` and `name`), an `anonymous` caller, a `process` of
    the appliance (`name` says which), or who has run a `command` (the `name` of the system's user). `address` is where
    a caller comes from."""

    kind: Literal["key", "anonymous", "process", "command"]
    id: str = ""
    name: str = ""
    address: str = ""

    def told(self) -> dict[str, str]:
        parts = {"kind": self.kind, "id": self.id, "name": self.name, "address": self.address}
        return {name: _short(part) for name, part in parts.items() if part}


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `times` is how often it has happened, when equal ones are told as one. `time_ms` is in milliseconds
    since 1970 UTC."""

    what: What
    who: Who
    which: Mapping[str, str | int] = field(default_factory=dict)
    outcome: str = "done"
    times: int = 1
    time_ms: int = field(default_factory=now_ms)

    @property
    def likeness(self) -> tuple[Any, ...]:
        """What equal events have in common: of an anonymous caller no more than the network that it comes from."""
        who = (self.who.kind, self.who.id, self.who.name)
        place = network(self.who.address) if self.who.kind == "anonymous" else self.who.address
        return self.what, who, place, tuple(sorted(self.which.items())), self.outcome

    def told(self) -> dict[str, Any]:
        """The fields as they are written."""
        which = {name: value if isinstance(value, int) else _short(value) for name, value in self.which.items()}
        fields = {
            "time": written(self.time_ms),
            "who": self.who.told(),
            "what": self.what,
            "which": which,
            "outcome": _short(self.outcome),
        }
        return fields if self.times == 1 else fields | {"times": self.times}


def written(time_ms: int) -> str:
    """A time as `2026-01-01T00:00:00.000Z`."""
    whole, milliseconds = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"


def _short(text: object) -> str:
    # What is not text in Unicode, as a name that the system gives may be, could not be written.
    return str(text)[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()
