"""Whose tasks there are: an index by owner in which the newest come first, page by page.

    voiceprint:listed   a sorted set in which nothing has a score: `<owner>:<milliseconds since 1970>:<id>`

Redis keeps such members in the order of their bytes, so a page is a range, however many tasks there are. The index only
says where to look: whose a task is, and how it stands, its record says. Tasks of which only one process knows, which
erases them itself, are not in it. A task is erased from it together with its record; where a record goes by itself, by
retention, the sweep takes its member away within seconds and the reconciler whatever else is amiss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.task import TaskState
from tasks.connection import redis_errors
from tasks.keys import LISTED, RECORD, record_key
from tasks.listed import BEYOND, DIGITS, Place, member, member_of, place_of
from tasks.record import TaskRecord, now_ms
from tasks.store import TaskStore

_AT_ONCE = 1000
# Of so many tasks a page looks for those that are wanted, before whoever asks is told to go on from there.
_MOST_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks, and where the next page begins; None where there is none."""

    records: Sequence[TaskRecord]
    following: Place | None


async def page(
    store: TaskStore,
    owner: bytes,
    *,
    after: Place | None = None,
    limit: int = 100,
    state: TaskState | None = None,
    technology: str | None = None,
) -> Page:
    """At most `limit` tasks of `owner`, the newest first, beginning behind `after`; of one state or technology where
    these are given, and then perhaps fewer although there are more. Raises Overloaded."""
    beginning = owner.decode()
    found: list[TaskRecord] = []
    at_once = limit if state is technology is None else _AT_ONCE
    for _ in range(0, _MOST_LOOKED_AT, at_once):
        below = f"({member(beginning, after)}" if after else f"({beginning}{BEYOND}"
        async with redis_errors():
            members = await store.lane.call("ZREVRANGEBYLEX", LISTED, below, f"[{beginning}:", "LIMIT", 0, at_once)
        places = [place for one in members if (place := place_of(one))]
        records = await store.records([place.task_id for place in places])
        for place in places:
            record, after = records.get(place.task_id), place
            if record is None or record.owner != owner:
                continue
            if state in (None, record.state) and technology in (None, record.technology):
                found.append(record)
                if len(found) == limit:
                    return Page(found, place)
        if len(members) < at_once:
            return Page(found, None)
    return Page(found, after)


async def sweep(store: TaskStore, *, retention: float) -> int:
    """Takes out of the list what has expired; returns how many. Of every owner only the oldest are looked at, which
    were made so long ago that their time is over. Raises Overloaded."""
    gone = 0
    owner_from = b"-"
    long_ago = f"{max(0, now_ms() - int(retention * 1000)):0{DIGITS}d}".encode()
    while True:
        async with redis_errors():
            first = await store.lane.call("ZRANGEBYLEX", LISTED, owner_from, "+", "LIMIT", 0, 1)
        if not first:
            return gone
        owner = first[0].partition(b":")[0]
        async with redis_errors():
            oldest = await store.lane.call(
                "ZRANGEBYLEX", LISTED, b"[" + owner + b":", b"(" + owner + b":" + long_ago, "LIMIT", 0, _AT_ONCE
            )
        taken = await without_record(store, oldest)
        gone += taken
        if taken < _AT_ONCE:
            owner_from = b"[" + owner + BEYOND.encode()


async def without_record(store: TaskStore, members: Sequence[bytes]) -> int:
    """Takes those of `members` out of the list whose task is gone, or that name none; returns how many."""
    return int(await store.run("unlist", [LISTED], [RECORD, *members])) if members else 0


async def missing(store: TaskStore, records: Sequence[TaskRecord]) -> int:
    """Puts those into the list that should be there; returns how many were not."""
    members = {at: record for record in records if (at := member_of(record))}
    if not members:
        return 0
    async with redis_errors():
        scores = await store.lane.call("ZMSCORE", LISTED, *members)
    added = 0
    for (at, record), score in zip(members.items(), scores, strict=True):
        if score is None:
            added += await store.run("list", [record_key(record.task_id), LISTED], [store.stored(record), at])
    return added
