"""Histories that never happened."""

from typing import Any

from tests.faults.history import Event

DONE, OTHER = "digest of a result", "digest of another"


class MadeUp:
    """Events in the order in which they are told, a second apart."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.scope = "quiet"
        self.note("undisturbed", request="conversion-1", state="done", digest=DONE)
        self.scope = "round"

    def note(self, what: str, **facts: Any) -> "MadeUp":
        self.events.append({"at": float(len(self.events)), "scope": self.scope, "what": what} | facts)
        return self

    def acknowledged(self, task: str = "a", key: str = "", *, again: bool = False) -> "MadeUp":
        asked = len(self.events) - 0.5
        return self.note("acknowledged", task=task, request="conversion-1", key=key, asked=asked, again=again)

    def ended(
        self, task: str = "a", state: str = "done", digest: str = DONE, why: str = "", told: str = ""
    ) -> "MadeUp":
        asked = len(self.events) - 0.5
        return self.note("ended", task=task, told=told or task, asked=asked, state=state, digest=digest, why=why)

    def fault(self, kind: str = "kill worker", *under_way: str) -> "MadeUp":
        return self.note("fault", kind=kind, under_way=list(under_way))

    def settling(self) -> "MadeUp":
        return self.note("settling")
