"""The list of one's own tasks: whole, in order, nobody else's, and nothing in it that is gone."""

from dataclasses import replace

import pytest

from schemas.task import TaskState
from tasks import listing
from tasks.keys import LISTED, record_key
from tasks.listed import Place, member_of
from tasks.listing import Page, page
from tasks.reconciler import Reconciler
from tasks.record import TaskRecord, now_ms
from tasks.store import TaskStore
from tests.unit.tasks.made_tasks import OTHER_ID, RETENTION, TASK_ID, claimed, done, submitted, traces

OURS, THEIRS = b"0badc0de", b"0badc0df"


async def ids(store: TaskStore, **asked: object) -> list[str]:
    return [record.task_id for record in (await page(store, OURS, **asked)).records]  # type: ignore[arg-type]


async def several(store: TaskStore, count: int, owner: bytes = OURS) -> list[TaskRecord]:
    """Tasks of one owner, the newest first."""
    made = [await submitted(store, owner=owner, created_ms=10 ** (n + 1)) for n in range(count)]
    return made[::-1]


async def test_the_newest_come_first(store: TaskStore) -> None:
    """However many digits their times have, and those of others are not among them."""
    ours = await several(store, 5)
    await several(store, 3, THEIRS)
    await several(store, 2, b"")
    assert await ids(store) == [record.task_id for record in ours]
    assert len((await page(store, b"")).records) == 2
    assert (await page(store, b"0badc0d")).records == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
async def test_page_by_page_all_come_once(store: TaskStore, limit: int) -> None:
    """Although tasks come and go meanwhile."""
    ours = await several(store, 4)
    found: list[str] = []
    at = Page((), None)
    while not found or at.following:
        after = at.following and Place.read(str(at.following))
        at = await page(store, OURS, after=after, limit=limit)
        assert len(at.records) <= limit
        found += [record.task_id for record in at.records]
        await submitted(store, owner=OURS, created_ms=10**9)
    assert found == [record.task_id for record in ours]


async def test_only_those_that_are_wanted(store: TaskStore) -> None:
    """By state and technology, each as it is now."""
    other = await submitted(store, owner=OURS, technology="another")
    ended = await done(store, await claimed(store, await submitted(store, owner=OURS)))
    assert await ids(store, state=TaskState.DONE) == [ended.task_id]
    assert await ids(store, technology="another") == [other.task_id]
    assert await ids(store, state=TaskState.DONE, technology="another") == []
    (kept,) = (await page(store, OURS, state=TaskState.DONE)).records
    assert abs(kept.ended_ms - now_ms()) < 3_600_000


async def test_what_is_erased_leaves_no_trace(store: TaskStore) -> None:
    """Neither of a task that waits nor of one that has ended."""
    for record in (await submitted(store, owner=OURS), await done(store)):
        assert await store.erase(record)
        assert await traces(store, record.task_id) == []
    assert not await store.redis.exists(LISTED)


async def test_what_is_awaited_is_in_no_list(store: TaskStore) -> None:
    """Nobody but the process that waits for it, and erases it, was told of it."""
    await submitted(store, owner=OURS, awaited=True)
    assert await ids(store) == []
    assert not await store.redis.exists(LISTED)


async def test_what_expired_goes(store: TaskStore) -> None:
    """At once from what is shown, and by the next sweep from Redis; the others stay."""
    ours = await several(store, 3)
    fresh = await submitted(store, owner=THEIRS, created_ms=now_ms())
    await store.redis.delete(record_key(ours[0].task_id), record_key(ours[2].task_id), record_key(fresh.task_id))
    assert await ids(store) == [ours[1].task_id]
    assert await listing.sweep(store, retention=60.0) == 2
    assert await store.redis.zrange(LISTED, 0, -1) == sorted(member_of(one).encode() for one in (ours[1], fresh))
    assert await listing.sweep(store, retention=60.0) == 0


async def test_a_sweep_is_of_all_owners(store: TaskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of one there are, and whatever stands between them."""
    monkeypatch.setattr(listing, "_AT_ONCE", 2)
    gone = [record for owner in (b"", OURS, THEIRS) for record in await several(store, 5, owner)]
    await store.redis.delete(*(record_key(record.task_id) for record in gone))
    await store.redis.zadd(LISTED, {"rubbish": 0, "x:y:z": 0, b"\xff:": 0, ":": 0})
    await listing.sweep(store, retention=60.0)
    left = await store.redis.zrange(LISTED, 0, -1)
    ids_gone = tuple(record.task_id for record in gone)
    assert not [member for member in left if member.decode(errors="replace").endswith(ids_gone)]


async def test_the_list_is_made_anew(store: TaskStore) -> None:
    """By the reconciler, of what the records say: what was lost comes back, and what never was goes."""
    record, other = await submitted(store, owner=OURS), await submitted(store, task_id=OTHER_ID)
    await store.redis.delete(LISTED)
    await store.redis.zadd(LISTED, {f"0badc0de:{1:019d}:{TASK_ID}": 0, "rubbish": 0})
    assert await ids(store) == []
    assert await Reconciler(store, retention=RETENTION).round() == 4
    assert set(await store.redis.zrange(LISTED, 0, -1)) == {member_of(one).encode() for one in (record, other)}
    assert await Reconciler(store, retention=RETENTION).round() == 0


async def test_whose_a_task_is_its_record_says(store: TaskStore) -> None:
    """Whoever can write to Redis cannot put another's task into a list."""
    theirs = await submitted(store, owner=THEIRS)
    await store.redis.zadd(LISTED, {member_of(replace(theirs, owner=OURS)): 0})
    assert await ids(store) == []


TOO_LONG = f"{'9' * 20}-{TASK_ID}"


@pytest.mark.parametrize("text", ["", "1", f"-{TASK_ID}", f"x-{TASK_ID}", f"1-{TASK_ID}x", "1-x", TOO_LONG])
def test_what_is_no_place_is_refused(text: str) -> None:
    """A place is told by the page before, and by nobody else."""
    with pytest.raises(ValueError, match="no place"):
        Place.read(text)
    assert Place.read(str(Place(12, TASK_ID))) == Place(12, TASK_ID)
