"""What the appliance's processes tell the audit log by: from event loops, at the cost of a queue.

A thread of the process writes, all that has come meanwhile at once. What it cannot write because the disk is full or
the log is held up stays in memory until it can, up to a bound; for that long nothing new is taken in or handed out.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from schemas.errors import StorageFull
from schemas.keyring import KeyRing
from tasks.audit.event import Event, Who, written
from tasks.audit.log import AuditLog
from tasks.audit.repeats import Repeats
from tasks.record import now_ms

log = logging.getLogger(__name__)

# How long an event may be in the file and not on the disk; also, how soon what failed is tried again.
SYNC_SECONDS = 1.0
_MOST_KEPT = 10_000
_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class _Told:
    """An event on its way. `strict`: whoever told it waits, and gives it up when it cannot be written."""

    event: Event
    strict: bool = False
    durable: bool = False
    repeated: bool = False
    taken: "Future[None]" = field(default_factory=Future)


class Audit:
    """The audit log of one process. Without a key ring it takes everything and keeps nothing."""

    def __init__(self, lines: AuditLog | None = None) -> None:
        self._lines = lines
        self._told: queue.SimpleQueue[_Told | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        # Why nothing can be written, empty while it can, and since when, in milliseconds since 1970 UTC.
        self._failing, self._since_ms = "", 0
        self._kept: deque[Event] = deque()
        self._lost = 0
        self._repeats = Repeats()

    @classmethod
    def open(cls, path: Path | None, ring: KeyRing | None) -> Self:
        return cls(AuditLog(path, ring.derive("audit")) if path and ring else None)

    @property
    def keeps(self) -> bool:
        """Whether it keeps anything."""
        return self._lines is not None

    @property
    def amiss(self) -> str | None:
        """Why nothing can be written, or None."""
        return f"the audit log cannot be written: {self._failing}" if self._failing else None

    def require(self) -> None:
        """Raises StorageFull while nothing can be written: then nothing may happen that is to be told."""
        if self.amiss:
            raise StorageFull(self.amiss)

    def note(self, event: Event, *, repeated: bool = False) -> None:
        """Tells what has happened, and does not wait. What may be `repeated` is written once a minute."""
        self._tell(_Told(event, repeated=repeated))

    async def noted(self, event: Event, *, durable: bool = False, repeated: bool = False) -> None:
        """The same, and waits until it is in the file, `durable` on the disk; or in memory, because it cannot be."""
        await self._taken(_Told(event, durable=durable, repeated=repeated))

    async def agreed(self, event: Event, *, repeated: bool = False) -> None:
        """Writes what is about to happen, and waits until it is in the file. Raises StorageFull when that cannot be:
        then it must not happen."""
        await self._taken(_Told(event, strict=True, repeated=repeated))

    @contextmanager
    def running(
        self, process: str, of: Literal["process", "appliance"] = "process", **which: str | int
    ) -> Iterator[None]:
        """Tells when the `process`, or with it the whole appliance, was started and has stopped, and closes."""
        who = Who("process", name=process)
        self.note(Event("process.started" if of == "process" else "appliance.started", who, which))
        try:
            yield
        finally:
            self.note(Event("process.stopped" if of == "process" else "appliance.stopped", who))
            self.close()

    def close(self) -> None:
        """Writes what is left and makes it durable. Not for event loops."""
        if self._thread:
            self._told.put(None)
            self._thread.join()
            self._thread = None
        if self._lines:
            self._lines.close()
        if self._kept or self._lost:
            log.error("%d events could not be written to the audit log and are lost", len(self._kept) + self._lost)

    async def _taken(self, told: _Told) -> None:
        if self._lines:
            self._tell(told)
            await asyncio.wrap_future(told.taken)

    def _tell(self, told: _Told) -> None:
        if self._lines:
            self._told.put(told)
            self._start(self._lines)

    def _start(self, lines: AuditLog) -> None:
        # Not before there is something to write: a process that forks first is left without threads.
        with self._starting:
            if not self._thread:
                self._thread = threading.Thread(target=self._work, args=(lines,), name="audit", daemon=True)
                self._thread.start()

    def _work(self, lines: AuditLog) -> None:
        ending, due = False, time.monotonic() + SYNC_SECONDS
        while not ending:
            batch, ending = self._next(due)
            self._write(lines, batch, ending=ending)
            if ending or time.monotonic() >= due or any(told.durable for told in batch):
                self._attempt(lines.sync)
                due = time.monotonic() + SYNC_SECONDS
            for told in batch:
                # Whoever waited may have gone.
                if told.taken.set_running_or_notify_cancel():
                    if told.strict and self.amiss:
                        told.taken.set_exception(StorageFull(self.amiss))
                    else:
                        told.taken.set_result(None)

    def _next(self, due: float) -> tuple[list[_Told], bool]:
        """What has been told, and whether that was all. Waits for the first, but no longer than `due` when
        there is something to do then."""
        batch: list[_Told] = []
        idle = not (self._failing or self._repeats.waiting or (self._lines and self._lines.unsynced))
        with suppress(queue.Empty):
            told = self._told.get(timeout=None if idle else max(0.0, due - time.monotonic()))
            while told and len(batch) < _MOST_AT_ONCE:
                batch.append(told)
                told = self._told.get_nowait()
            if told is None:
                return batch, True
            batch.append(told)
        return batch, False

    def _write(self, lines: AuditLog, batch: list[_Told], *, ending: bool) -> None:
        now = time.monotonic()
        fresh = [(told, self._repeats.first(told.event, now) if told.repeated else told.event) for told in batch]
        counted = self._repeats.due(float("inf") if ending else now)
        resumed = [self._resumed()] if self._failing else []
        events = [*self._kept, *resumed, *counted, *(event for _, event in fresh if event)]
        if not events:
            return
        if self._attempt(lambda: lines.append(events)):
            self._kept.clear()
            self._lost = 0
            if self._failing:
                log.warning("the audit log can be written again")
            self._failing = ""
            return
        self._keep([*counted, *(event for told, event in fresh if event and not told.strict)])
        for told, event in fresh:
            if event and told.strict:
                self._repeats.forget(event)

    def _attempt(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except Exception as error:
            # Not only what the system says: nobody else would notice that this thread has ended.
            reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
            if not self._failing:
                self._failing, self._since_ms = reason, now_ms()
                log.error("%s; nothing is taken in or handed out until it can", self.amiss)
            return False
        return True

    def _resumed(self) -> Event:
        which: dict[str, str | int] = {"since": written(self._since_ms), "reason": self._failing, "lost": self._lost}
        return Event("audit.resumed", Who("process", name="audit"), which, "noted")

    def _keep(self, events: list[Event]) -> None:
        room = max(0, _MOST_KEPT - len(self._kept))
        self._kept.extend(events[:room])
        self._lost += len(events[room:])
