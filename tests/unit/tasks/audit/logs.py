"""Audit logs of a test's own."""

from pathlib import Path

from schemas.keyring import KeyRing
from tasks.audit.chain import Head
from tasks.audit.event import Event, Who
from tasks.audit.log import AuditLog
from tasks.audit.reading import Snapshot
from tasks.audit.verifying import Report, verify

RING = KeyRing({1: bytes(range(32))})
ROTATED = KeyRing({1: bytes(range(32)), 2: bytes(range(1, 33))})
KEYS = RING.derive("audit")


def event(number: int) -> Event:
    return Event(
        "task.ended", Who("process", name="worker"), {"task": f"task {number}", "bytes": number}, time_ms=number
    )


def filled(path: Path, count: int, *, ring: KeyRing = RING, segment_bytes: int = 1 << 20) -> Head:
    """Appends `count` events, makes them durable and returns the head."""
    log = AuditLog(path, ring.derive("audit"), segment_bytes=segment_bytes)
    for number in range(count):
        head = log.append([event(number)])
    log.sync()
    log.close()
    return head


def verified(path: Path, *heads: Head, ring: KeyRing = RING, start: int = 1) -> Report:
    snapshot = Snapshot(path)
    try:
        return verify(snapshot, ring.derive("audit"), heads, start=start)
    finally:
        snapshot.close()


def kinds(report: Report) -> list[tuple[str, int]]:
    return [(fault.kind, fault.n) for fault in report.faults]
