"""What Redis says of an idempotency key: believed when whoever made the task wrote it, and put right when not."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from schemas.errors import Conflict
from schemas.keyring import Keys
from tasks.keys import idempotency_key, record_key
from tasks.reconciler import Reconciler
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tests.unit.tasks.made_tasks import RETENTION, SHA256, claimed, done, submitted

ONE, OTHER = b"A" * 16, b"B" * 16
Lie = Callable[[TaskStore, TaskRecord], Awaitable[object]]


@pytest.fixture(params=[None, Keys(1, {1: bytes(32)})], ids=["no ring", "ring"])
async def store(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[TaskStore]:
    async with TaskStore.open(redis_url, keys=request.param) as store:
        await store.redis.flushall()
        yield store


async def asked_again(store: TaskStore, **parameters: object) -> str:
    """What the request of the key ONE is answered when it is sent once more."""
    record = TaskRecord(str(uuid.uuid4()), "a-technology", 1, parameters, 100, SHA256, idempotency=ONE)
    return await store.submit(record, max_open=10_000, max_input_bytes=1 << 30)


def says(**fields: bytes) -> Lie:
    async def lie(store: TaskStore, _: TaskRecord) -> None:
        await store.redis.hset(idempotency_key(ONE), mapping=fields)  # type: ignore[misc, arg-type]

    return lie


async def names_other(store: TaskStore, other: TaskRecord) -> None:
    await says(task=other.task_id.encode())(store, other)


async def of_other(store: TaskStore, other: TaskRecord) -> None:
    """All that is kept of another key, under this one."""
    await store.redis.copy(idempotency_key(other.idempotency), idempotency_key(ONE), replace=True)


LIES: dict[str, Lie] = {
    "another task": names_other,
    "all of another key": of_other,
    "another request": says(fingerprint=bytes(16)),
    "no proof": says(proof=b"x"),
    "nothing": lambda store, _: store.redis.delete(idempotency_key(ONE)),
    "no hash": lambda store, _: store.redis.set(idempotency_key(ONE), "x"),
}


@pytest.mark.parametrize("lie", [lie for lie in LIES if lie != "no hash"])
async def test_a_lie_gives_away_no_other_task(store: TaskStore, lie: str) -> None:
    """The request is answered its own task or a new one, and from then on always that."""
    one, other = await submitted(store, idempotency=ONE), await submitted(store, idempotency=OTHER)
    await LIES[lie](store, other)
    answer = await asked_again(store)
    assert answer != other.task_id
    assert (answer == one.task_id) is (lie in ("another request", "no proof"))
    assert await asked_again(store) == answer


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("lie", LIES)
async def test_a_round_restores_what_was_said(store: TaskStore, lie: str, *, is_done: bool) -> None:
    """Of open tasks and of those that have ended, and for as long as these stay."""
    one, other = await submitted(store, idempotency=ONE), await submitted(store, idempotency=OTHER)
    if is_done:
        await done(store, await claimed(store, one))
    await LIES[lie](store, other)
    assert await Reconciler(store, retention=RETENTION).round() > 0
    assert await Reconciler(store, retention=RETENTION).round() == 0
    assert await store.remembers(ONE)
    assert await asked_again(store) == one.task_id
    left, kept = await store.redis.pttl(record_key(one.task_id)), await store.redis.pttl(idempotency_key(ONE))
    assert (0 < kept <= left + 5) if is_done else kept == left == -1


async def test_what_an_earlier_version_kept_is_true(store: TaskStore) -> None:
    """It left no proof: the record says with which key it was made, and for which request."""
    one = await submitted(store, idempotency=ONE)
    await store.redis.hdel(idempotency_key(ONE), "proof")  # type: ignore[misc]
    assert await store.remembers(ONE)
    assert await asked_again(store) == one.task_id
    with pytest.raises(Conflict):
        await asked_again(store, channels=[0])


async def test_a_damaged_task_is_still_the_one(store: TaskStore) -> None:
    """Its record can prove nothing any more, what is kept beside it can."""
    one = await submitted(store, idempotency=ONE)
    await store.redis.setrange(record_key(one.task_id), 60, b"\xff")
    await store.read(one.task_id, retention=RETENTION)
    assert await asked_again(store) == one.task_id


async def test_two_tasks_of_one_key_do_not_take_turns(store: TaskStore) -> None:
    """When the key was lost and the request was made again, the later task stays the one that is answered."""
    await submitted(store, idempotency=ONE)
    await store.redis.delete(idempotency_key(ONE))
    later = await asked_again(store)
    assert await Reconciler(store, retention=RETENTION).round() == 0
    assert await asked_again(store) == later
