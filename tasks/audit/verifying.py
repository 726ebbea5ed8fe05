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

Kind = Literal["changed", "missing", "misplaced", "unreadable", "truncated", "replaced", "unverifiable", "headless"]
# What was not found to be false, but cannot be proved either.
_UNPROVEN = frozenset({"unverifiable", "headless"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, at event number `n` or behind it, in words."""

    kind: Kind
    n: int
    words: str


@dataclass(slots=True)
class Report:
    """What was found. `torn` are events that tell of a line that was not written to its end, `outages` those that tell
    of a time in which nothing could be written: nobody has touched the log for either. `kept` is whether there was a
    kept head. `heads` that were not behind it were found in it."""

    first: int = 0
    head: Head = field(default_factory=Head)
    events: int = 0
    size: int = 0
    kept: bool = True
    torn: list[int] = field(default_factory=list)
    outages: list[int] = field(default_factory=list)
    # Bytes behind the last line: a writer was stopped, and the next has not come yet.
    unfinished: int = 0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0

    @property
    def whole(self) -> bool:
        return not self.faults

    @property
    def disproved(self) -> bool:
        """Whether something is not what was written; what only cannot be proved is none of it."""
        return any(fault.kind not in _UNPROVEN for fault in self.faults) or bool(self.more)

    def fault(self, kind: Kind, n: int, words: str) -> None:
        if len(self.faults) < _MOST_TOLD:
            self.faults.append(Fault(kind, n, words))
        else:
            self.more += 1


def verify(
    snapshot: Snapshot,
    keys: Keys,
    heads: Collection[Head] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
    *,
    start: int = 1,
) -> Report:
    """Reads the whole log once. `heads` are known from elsewhere; the kept one is among them in any case.

    The log may begin right behind one of `heads`: what came before it was moved elsewhere. What stands before event
    `start` is not checked, but for the heads in it; `start` itself is, behind the MAC that stands before it. `progress`
    is told how many bytes of how many were read. Raises OSError.
    """
    reading = _Reading(keys, heads, snapshot.kept, start)
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
    def __init__(self, keys: Keys, heads: Collection[Head], kept: Head, start: int) -> None:
        self.report = Report(kept=bool(kept.n))
        self._keys = keys
        self._start = start
        self._heads: dict[int, set[bytes]] = {}
        for head in (*heads, kept):
            if head.n:
                self._heads.setdefault(head.n, set()).add(head.mac)
        self._held = False
        self._unreadable: Unreadable | None = None
        # Of each key that is not there: its first line, its last, and how many.
        self._unknown: dict[int, tuple[int, int, int]] = {}

    def take(self, found: Line | Unreadable) -> None:
        if isinstance(found, Unreadable):
            self._unreadable = found
            return
        report, before = self.report, self.report.head
        self._compare(found.head)
        report.head = found.head
        if not report.events and found.head.n < self._start:
            self._unreadable = None
            return
        if not report.events:
            report.first = found.head.n
            before = before if before.n else self._beginning(found)
        self._place(found, before)
        self._note(found)
        report.events += 1

    def _compare(self, found: Head) -> None:
        """With the known heads."""
        known = self._heads.pop(found.n, None)
        if known is None:
            return
        if known == {found.mac}:
            self._held = True
        else:
            self.report.fault("replaced", found.n, f"event {found.n} is not the one that a known head names")

    def _beginning(self, found: Line) -> Head:
        """What the first line stands behind."""
        n = found.head.n - 1
        known = self._heads.get(n, set())
        if len(known) != 1:
            return Head()
        # It holds when the line behind it does: that is what `_prove` finds out.
        self._held = True
        return Head(n, next(iter(known)))

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
            first, _, count = self._unknown.get(found.key, (n, n, 0))
            if count or len(self._unknown) < _MOST_TOLD:
                self._unknown[found.key] = first, n, count + 1
            else:
                self.report.more += 1

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
        self._end()
        for key, (first, last, count) in self._unknown.items():
            which = f"event {first}" if first == last else f"events {first} to {last}"
            some = which if count == last - first + 1 else f"{count} of {which}"
            report.fault("unverifiable", first, f"{some}: key {key} is not in the key ring")
        for n in sorted(self._heads):
            if n > report.head.n:
                report.fault("truncated", report.head.n, f"the log ends with event {report.head.n}, and had {n}")
            elif n >= report.first and report.events:
                report.fault("missing", n, f"event {n}, which a known head names, is missing")
        if report.events and not report.kept and not self._held:
            report.fault("headless", report.head.n, f"no known head says that event {report.head.n} was the last one")
        return report

    def _end(self) -> None:
        """What is behind the last line, and what there should have been."""
        report = self.report
        # A power cut may leave anything behind the last line. Whole lines of it are believed to be that only where a
        # known head was found.
        if (rest := self._unreadable) and report.head.n and (self._held or not rest.ended):
            report.unfinished = rest.size
        elif rest:
            report.fault("unreadable", report.head.n, f"{rest.size} bytes behind event {report.head.n} are no event")
        elif not report.head.n and not self._heads:
            report.fault("unreadable", 0, "there is no event in it")
        if report.head.n and not report.events:
            report.fault("missing", self._start, f"there is no event {self._start}: the last one is {report.head.n}")
