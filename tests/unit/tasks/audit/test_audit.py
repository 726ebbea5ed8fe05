"""What processes tell the audit log by: what is written when, and what happens while nothing can be."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import StorageFull
from tasks.audit import Audit, Event, Who, audit, segments
from tasks.audit.log import AuditLog
from tests.patience import eventually
from tests.unit.tasks.audit.logs import KEYS, RING, event, verified

READ = Event("task.read", Who("key", id="ab", name="desk"), {"task": "one"}, "delivered")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "audit.log"


@pytest.fixture
def told(path: Path) -> Iterator[Audit]:
    opened = Audit.open(path, RING)
    yield opened
    opened.close()


def lines(path: Path) -> list[dict[str, object]]:
    # The last line may be on its way.
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [json.loads(line) for line in whole.splitlines()]


def full(path: Path) -> None:
    """A folder in the way of the file with the kept head: no writer gets further."""
    segments.kept_head(path).unlink(missing_ok=True)
    segments.kept_head(path).mkdir(parents=True)


def emptied(path: Path) -> None:
    segments.kept_head(path).rmdir()


def test_without_a_ring_nothing_is_kept(path: Path) -> None:
    """Everything may be told all the same, and nothing is refused."""
    silent = Audit.open(path, None)
    silent.note(event(1))
    asyncio.run(silent.noted(event(1)))
    asyncio.run(silent.agreed(event(1)))
    silent.require()
    silent.close()
    assert not path.parent.exists()


async def test_what_was_noted_is_written(told: Audit, path: Path) -> None:
    """In its order, without anyone's asking, and its head is kept soon."""
    for number in range(2500):
        told.note(event(number))
    await eventually(lambda: len(lines(path)) == 2500)
    assert [line["which"]["bytes"] for line in lines(path)] == list(range(2500))  # type: ignore[index]
    await eventually(lambda: b"2500" in segments.kept_head(path).read_bytes())
    assert verified(path).whole


async def test_what_must_be_durable_is_when_it_was_told(told: Audit, path: Path) -> None:
    """The head is kept behind it."""
    await told.noted(event(1), durable=True)
    assert json.loads(segments.kept_head(path).read_bytes())["n"] == 1


def test_closing_writes_what_is_left(path: Path) -> None:
    """However much that is."""
    opened = Audit.open(path, RING)
    for number in range(100):
        opened.note(event(number))
    opened.close()
    assert verified(path).events == 100
    assert not verified(path).unfinished


async def test_what_is_repeated_is_told_once_a_minute(path: Path) -> None:
    """The first at once, the others with how many there were; another caller's are another's."""
    opened = Audit.open(path, RING)
    for _ in range(1000):
        await opened.agreed(READ, repeated=True)
    other = Event("task.read", Who("key", id="cd", name="clerk"), {"task": "one"}, "delivered")
    await opened.agreed(other, repeated=True)
    assert [line["who"]["id"] for line in lines(path)] == ["ab", "cd"]  # type: ignore[index]
    opened.close()
    assert [line.get("times") for line in lines(path)] == [None, None, 999]
    assert verified(path).whole


async def test_refusals_from_many_addresses_are_few_lines(told: Audit, path: Path) -> None:
    """A flood of them does not fill the disk."""
    for number in range(20_000):
        who = Who("anonymous", address=f"2001:db8:0:{number:x}::1")
        told.note(Event("request.refused", who, outcome="request.unauthorized"), repeated=True)
    told.close()
    found = lines(path)
    assert len(found) == 1002
    assert found[-1]["times"] == 18_999
    assert found[-1]["who"] == {"kind": "anonymous", "name": "many others"}


async def test_refusals_from_one_network_are_one_line(told: Audit, path: Path) -> None:
    """One machine has as many IPv6 addresses as it likes: the first is told, the others are counted with it."""
    for number in range(2000):
        who = Who("anonymous", address=f"2001:db8::{number:x}")
        told.note(Event("request.refused", who, outcome="request.unauthorized"), repeated=True)
    told.close()
    first, counted = lines(path)
    assert (first["who"], counted["times"]) == ({"kind": "anonymous", "address": "2001:db8::0"}, 1999)


async def test_a_flood_of_requests_that_are_sent_again_is_few_lines(told: Audit, path: Path) -> None:
    """Whichever tasks they name: one caller cannot fill the disk beyond its rate."""
    desk = Who("key", id="ab", name="desk")
    for number in range(6000):
        which: dict[str, str | int] = {"task": f"task {number % 1500}", "technology": "one", "bytes": number % 1500}
        await told.noted(Event("task.submitted", desk, which, "replayed"), repeated=True)
    told.close()
    found = lines(path)
    assert sum(int(str(line.get("times", 1))) for line in found) == 6000
    assert [line["which"] for line in found if line["who"]["name"] == "many others"] == [{"technology": "one"}] * 2  # type: ignore[index]
    assert len(found) == 2002


async def test_nothing_is_handed_out_that_cannot_be_told(told: Audit, path: Path) -> None:
    """A read is refused, and told when it is tried again; so is whatever asks whether the log can be written."""
    told.require()
    full(path)
    for _ in range(2):
        with pytest.raises(StorageFull, match="audit log cannot be written"):
            await told.agreed(READ, repeated=True)
    with pytest.raises(StorageFull):
        told.require()
    assert told.amiss
    emptied(path)
    await told.agreed(READ, repeated=True)
    assert [line["what"] for line in lines(path)] == ["audit.resumed", "task.read"]
    assert told.amiss is None


async def test_what_has_happened_is_told_later(told: Audit, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In its order and with its own time, as soon as there is room, although nobody tells anything more."""
    full(path)
    for number in range(3):
        told.note(event(number))
    await told.noted(event(3))
    assert not lines(path)
    emptied(path)
    await eventually(lambda: len(lines(path)) == 5)
    assert [line["time"] for line in lines(path)[:4]] == [f"1970-01-01T00:00:00.00{n}Z" for n in range(4)]
    assert lines(path)[4]["what"] == "audit.resumed"
    assert verified(path).outages == [5]
    await eventually(lambda: told.amiss is None)
    told.require()
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


async def test_the_memory_for_it_has_a_bound(told: Audit, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond it is lost, and the log says how many that were."""
    monkeypatch.setattr(audit, "_MOST_KEPT", 10)
    full(path)
    for number in range(25):
        told.note(event(number))
    await told.noted(event(25))
    emptied(path)
    await eventually(lambda: lines(path))
    assert len(lines(path)) == 11
    assert lines(path)[-1]["which"]["lost"] == 16  # type: ignore[index]


def test_a_process_that_ends_meanwhile_says_what_is_lost(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In its own log, since there is no other."""
    opened = Audit.open(path, RING)
    full(path)
    opened.note(event(1))
    opened.close()
    assert "1 events could not be written to the audit log" in caplog.text


async def test_what_waits_may_be_cancelled(told: Audit, path: Path) -> None:
    """A client that goes away while its read is written disturbs nothing."""
    waiting = [asyncio.ensure_future(told.agreed(READ, repeated=True)) for _ in range(50)]
    await asyncio.sleep(0)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await told.noted(event(1))
    assert verified(path).whole


async def test_two_of_a_process_are_two_writers(told: Audit, path: Path) -> None:
    """They find each other's lines."""
    other = Audit(AuditLog(path, KEYS))
    await asyncio.gather(*(one.noted(event(number)) for number in range(20) for one in (told, other)))
    await asyncio.to_thread(other.close)
    assert verified(path).events == 40
    assert verified(path).whole
