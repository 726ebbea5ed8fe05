"""Whether an audit log is what was written: every line behind the one before, none missing, and none behind a known
head cut off."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from schemas.keyring import Keys
from tasks.audit.chain import Head, Line
from tasks.audit.reading import Snapshot, Unreadable

# More faults than these are counted, not told.
_MOST_TOLD = 100
_STEP_BYTES = 1 << 22

Kind = Literal["changed", "missing", "misplaced", "unreadable", "truncated", "replaced", "key"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, at event number `n` or behind it, in words."""

    kind: Kind
    n: int
    words: str


@dataclass(slots=True)
class Report:
    """What was found. `torn` are events that tell of a line that was not written to its end, `outages` those that tell
    of a time in which nothing could be written: nobody has touched the log for either. `heads` that were not behind it
    were found in it."""

    first: int = 0
    head: Head = field(default_factory=Head)
    events: int = 0
    size: int = 0
    torn: list[int] = field(default_factory=list)
    outages: list[int] = field(default_factory=list)
    # Bytes behind the last line: a writer was stopped, and the next has not come yet.
    unfinished: int = 0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0

    @property
    def whole(self) -> bool:
        return not self.faults

    def fault(self, kind: Kind, n: int, words: str) -> None:
        if len(self.faults) < _MOST_TOLD:
            self.faults.append(Fault(kind, n, words))
        else:
            self.more += 1


def verify(
    snapshot: Snapshot, keys: Keys, heads: Collection[Head] = (), progress: Callable[[int, int], None] = lambda *_: None
) -> Report:
    """Reads the whole log once. `heads` are known from elsewhere; the kept one is among them in any case.

    The log may begin right behind one of `heads`: what came before it was moved elsewhere. `progress` is told how many
    bytes of how many were read. Raises OSError.
    """
    reading = _Reading(keys, [head for head in (*heads, snapshot.kept) if head.n])
    seen, told = 0, 0
    for found, size in snapshot.lines():
        reading.take(found)
        seen += size
        if seen - told >= _STEP_BYTES:
            progress(seen, snapshot.size)
            told = seen
    progress(seen, snapshot.size)
    reading.report.size = seen
    return reading.ended()


class _Reading:
    def __init__(self, keys: Keys, heads: Collection[Head]) -> None:
        self.report = Report()
        self._keys = keys
        self._heads: dict[int, set[bytes]] = {}
        for head in heads:
            self._heads.setdefault(head.n, set()).add(head.mac)
        self._unreadable: Unreadable | None = None

    def take(self, found: Line | Unreadable) -> None:
        if isinstance(found, Unreadable):
            self._unreadable = found
            return
        report, before = self.report, self.report.head
        if not report.events:
            report.first = found.head.n
            before = self._beginning(found)
        self._place(found, before)
        self._note(found)
        if found.head.mac not in self._heads.pop(found.head.n, {found.head.mac}):
            report.fault("replaced", found.head.n, f"event {found.head.n} is not the one that a known head names")
        report.head = found.head
        report.events += 1

    def _beginning(self, found: Line) -> Head:
        """What the first line stands behind."""
        n = found.head.n - 1
        known = self._heads.get(n, set())
        return Head(n, next(iter(known))) if len(known) == 1 else Head()

    def _place(self, found: Line, before: Head) -> None:
        report, n = self.report, found.head.n
        if n > before.n + 1:
            gap = f"event {before.n + 1}" if n == before.n + 2 else f"events {before.n + 1} to {n - 1}"
            report.fault(
                "missing", before.n + 1, f"{gap} of the log are missing" if "s " in gap else f"{gap} is missing"
            )
        elif n <= before.n:
            report.fault("misplaced", n, f"event {n} stands behind event {before.n}")
        else:
            self._prove(found, before)

    def _prove(self, found: Line, before: Head) -> None:
        n = found.head.n
        try:
            if not found.proven(before.mac, self._keys):
                self.report.fault("changed", n, f"event {n} is not what was written behind event {before.n}")
        except KeyError:
            self.report.fault("key", n, f"event {n} cannot be checked: key {found.key} is not in the key ring")

    def _note(self, found: Line) -> None:
        """What the log says of itself, and what is unreadable before this line."""
        report, n, what = self.report, found.head.n, found.fields.get("what")
        which = found.fields.get("which")
        told = which if isinstance(which, dict) else {}
        if what == "audit.truncated":
            report.fault(
                "truncated",
                n,
                f"event {n} tells that the log had been cut off behind event {told.get('found')}, "
                f"when it had {told.get('known')}",
            )
        if what == "audit.resumed":
            report.outages.append(n)
        if (torn := self._unreadable) is None:
            return
        self._unreadable = None
        if what == "audit.torn" and (told.get("bytes"), told.get("sha256")) == (torn.size, torn.sha256):
            report.torn.append(n)
        else:
            report.fault("unreadable", n, f"{torn.size} bytes before event {n} are no event, and nothing tells of them")

    def ended(self) -> Report:
        report = self.report
        if self._unreadable:
            report.unfinished = self._unreadable.size
        for n in sorted(self._heads):
            if n > report.head.n:
                report.fault("truncated", report.head.n, f"the log ends with event {report.head.n}, and had {n}")
            elif n >= report.first and report.events:
                report.fault("missing", n, f"event {n}, which a known head names, is missing")
        return report
