"""The reconciler: from the records alone everything else comes back, and what is right is left as it is."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.task import TaskState
from tasks.dispatch import QUEUE, WAKE, entry
from tasks.files import LocalFileStore
from tasks.keys import INPUT_BYTES, OPEN, RUNNING, SEQUENCE, idempotency_key, record_key
from tasks.reconciler import Reconciler
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.unit.tasks.made_tasks import RETENTION, claimed, done, submitted

Damage = Callable[[TaskStore, TaskRecord], Awaitable[object]]


@pytest.fixture
def reconciler(store: TaskStore) -> Reconciler:
    return Reconciler(store, retention=RETENTION)


async def everything(store: TaskStore) -> dict[bytes, Any]:
    """All keys with their content, but for the tokens that wake workers and for how long each is kept."""
    return {key: await store.redis.dump(key) for key in await store.redis.keys() if key != WAKE.encode()}


async def a_task_of_each_kind(store: TaskStore) -> list[TaskRecord]:
    return [
        await submitted(store, idempotency=b"one"),
        await submitted(store),
        await claimed(store, await submitted(store, idempotency=b"two")),
        await done(store, await claimed(store, await submitted(store, idempotency=b"three"))),
        await done(store),
    ]


async def test_what_is_right_is_left_alone(store: TaskStore, reconciler: Reconciler) -> None:
    """A round over a store in which nothing is wrong changes no key."""
    await a_task_of_each_kind(store)
    before = await everything(store)
    assert await reconciler.round() == 0
    assert await everything(store) == before


async def test_everything_comes_back_from_the_records(
    store: TaskStore, workforce: Workforce, reconciler: Reconciler
) -> None:
    """With every other key gone, what waited waits in a queue, what ran is its worker's, and room is counted anew."""
    pending, another, running, ended, _ = await a_task_of_each_kind(store)
    for key in await store.redis.keys():
        if not key.startswith(b"voiceprint:task:"):
            await store.redis.delete(key)
    assert await reconciler.round() > 0
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (2, 1, 300)
    assert set(await store.redis.zrange(QUEUE, 0, -1)) == {pending.task_id.encode(), another.task_id.encode()}
    assert await store.redis.get(entry(pending).job_key) == entry(pending).job
    assert await store.redis.llen(WAKE) == 2
    assert await store.redis.hgetall(RUNNING) == {running.task_id.encode(): b"a-worker"}
    assert await store.remembers(b"one")
    assert await store.fetch(ended.task_id) == ended
    assert await reconciler.round() == 0
    # The records were not touched, so that whoever works can finish.
    await done(store, running)


async def zrem(store: TaskStore, record: TaskRecord, key: str) -> None:
    await store.redis.zrem(key, record.task_id)


async def opened_and_queued(store: TaskStore, record: TaskRecord) -> None:
    for key in (OPEN, QUEUE):
        await store.redis.zadd(key, {record.task_id: 7})


DAMAGES: dict[str, Damage] = {
    "not open": lambda store, record: zrem(store, record, OPEN),
    "not queued": lambda store, record: zrem(store, record, QUEUE),
    "open and queued": opened_and_queued,
    "nobody's": lambda store, record: store.redis.hdel(RUNNING, record.task_id),  # type: ignore[return-value]
    "somebody else's": lambda store, record: store.redis.hset(RUNNING, record.task_id, "x"),  # type: ignore[return-value]
    "for ever": lambda store, record: store.redis.persist(record_key(record.task_id)),
    "for a moment": lambda store, record: store.redis.pexpire(record_key(record.task_id), 50_000),
    "takes no room": lambda store, _: store.redis.decrby(INPUT_BYTES, 100),
    "takes more room": lambda store, _: store.redis.incrby(INPUT_BYTES, 12345),
    "before the first": lambda store, _: store.redis.delete(SEQUENCE),
    "no key": lambda store, record: store.redis.delete(idempotency_key(record.idempotency)),
    "key for ever": lambda store, record: store.redis.persist(idempotency_key(record.idempotency)),
}


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("damage", DAMAGES)
async def test_whatever_is_damaged_is_put_right(
    store: TaskStore, workforce: Workforce, reconciler: Reconciler, damage: str, kind: int
) -> None:
    """After one round nothing is left to do, all tasks are in the keys of their state and in no other, and every task
    that has not ended can be brought to its end."""
    tasks = await a_task_of_each_kind(store)
    await DAMAGES[damage](store, tasks[kind])
    await reconciler.round()
    assert await reconciler.round() == 0
    assert await store.still_open([task.task_id for task in tasks]) == {task.task_id for task in tasks[:3]}
    assert await store.redis.zcard(QUEUE) == 2
    assert await store.redis.hgetall(RUNNING) == {tasks[2].task_id.encode(): b"a-worker"}
    for task in tasks:
        left = await store.redis.pttl(record_key(task.task_id))
        assert (0 < left <= RETENTION * 1000) if task.state.terminal else left == -1
        key_left = await store.redis.pttl(idempotency_key(task.idempotency)) if task.idempotency else -2
        assert key_left != -1 or not task.state.terminal
    for task in tasks[:3]:
        await done(store, task if task.worker else await claimed(store, task))
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("damage", ["changed", "empty", "of another type"])
async def test_a_damaged_record_ends_as_failed(
    store: TaskStore, reconciler: Reconciler, damage: str, kind: int
) -> None:
    """Whether its task was open or had ended; the others stay what they are."""
    tasks = await a_task_of_each_kind(store)
    key = record_key(tasks[kind].task_id)
    if damage == "changed":
        await store.redis.setrange(key, 60, b"\xff")
    elif damage == "empty":
        await store.redis.set(key, b"")
    else:
        await store.redis.delete(key)
        await store.redis.rpush(key, "a list")
    assert await reconciler.round() >= 1
    found = await store.fetch(tasks[kind].task_id)
    assert found is not None
    assert found.state is TaskState.FAILED
    assert await store.redis.pttl(key) > 0
    for task in tasks[:kind] + tasks[kind + 1 :]:
        assert await store.fetch(task.task_id) == task
    assert await reconciler.round() == 0


async def test_one_that_resists_ends_no_round(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A task that cannot be ended is named, and everything else is put right."""

    class Resisting(TaskStore):
        async def fail_damaged(self, *_: object, **__: object) -> None:
            raise RecordDamaged("and again")

    async with Resisting.open(redis_url) as store:
        await store.redis.flushall()
        damaged, other = await done(store), await submitted(store)
        await store.redis.set(record_key(damaged.task_id), b"damaged")
        await zrem(store, other, QUEUE)
        assert await Reconciler(store, retention=RETENTION).round() == 1
        assert await store.redis.zscore(QUEUE, other.task_id) is not None
    assert f"task {damaged.task_id}: the task record was damaged" in caplog.text


@pytest.mark.parametrize("place", ["open", "running"])
async def test_a_task_without_a_record_ends_as_failed(store: TaskStore, reconciler: Reconciler, place: str) -> None:
    """Its client is told so, instead of that there never was one; of an erased task nothing comes back."""
    lost, erased = await submitted(store), await claimed(store)
    await store.redis.delete(record_key(lost.task_id))
    if place == "running":
        await store.redis.zrem(OPEN, lost.task_id)
        await store.redis.hset(RUNNING, lost.task_id, "x")  # type: ignore[misc]
    await store.erase(erased)
    assert await reconciler.round() > 0
    found = await store.fetch(lost.task_id)
    assert found is not None
    assert found.state is TaskState.FAILED
    assert await store.fetch(erased.task_id) is None
    assert not await store.fail_lost(erased.task_id, retention=RETENTION)
    assert await store.fetch(erased.task_id) is None


async def test_a_key_whose_task_is_gone_is_forgotten(store: TaskStore, reconciler: Reconciler) -> None:
    """An idempotency key outlives its task by a round at most, even when nobody has said when it ends."""
    gone, ended = await submitted(store, idempotency=b"gone"), await submitted(store, idempotency=b"ended")
    await done(store, await claimed(store, ended))
    await store.redis.persist(idempotency_key(b"ended"))
    await store.redis.delete(record_key(gone.task_id))
    await store.redis.zrem(OPEN, gone.task_id)
    await reconciler.round()
    assert not await store.remembers(b"gone")
    left = await store.redis.pttl(record_key(ended.task_id))
    assert left - 100 <= await store.redis.pttl(idempotency_key(b"ended")) <= left + 100


@pytest.mark.parametrize("name", [b"/kept", b"../kept", b"kept", b"", b"\xff\xfe"])
async def test_what_names_no_task_is_forgotten(redis_url: str, tmp_path: Path, name: bytes) -> None:
    """Whoever can write to Redis makes up ids: no file goes by them, nobody is told of them, and nothing of them
    stays."""
    (tmp_path / "kept").write_bytes(b"of somebody else")
    told: list[str] = []

    def tell(record: TaskRecord, *, again: bool = False) -> None:
        told.append(f"{record.task_id} {again}")

    files = LocalFileStore(tmp_path / "store")
    async with TaskStore.open(redis_url, ended=files.erase_input, told=tell) as store:
        await store.redis.flushall()
        tasks = await a_task_of_each_kind(store)
        told.clear()
        name = name.replace(b"/kept", str(tmp_path / "kept").encode()) if name.startswith(b"/") else name
        await store.redis.set(b"voiceprint:task:" + name, b"x")
        await store.redis.hset(b"voiceprint:owner:" + name, mapping={"task": tasks[0].task_id, "owner": "x"})  # type: ignore[misc]
        await store.redis.zadd(OPEN, {name: 1})
        await store.redis.zadd(QUEUE, {name: 1})
        await store.redis.hset(RUNNING, mapping={name: b"a-worker"})  # type: ignore[misc, dict-item]
        await Workforce(store).bury("a-worker", retention=RETENTION)
        assert await Reconciler(store, retention=RETENTION).round() > 0
        assert await Reconciler(store, retention=RETENTION).round() == 0
        assert await store.redis.exists(b"voiceprint:task:" + name, b"voiceprint:owner:" + name) == 0
        assert await store.still_open([task.task_id for task in tasks]) == {task.task_id for task in tasks[:3]}
        for key in (OPEN, QUEUE):
            assert await store.redis.zscore(key, name) is None
        assert name not in await store.redis.hkeys(RUNNING)  # type: ignore[misc]
    assert (tmp_path / "kept").exists()
    assert told == []


async def test_who_comes_later_stays_behind(store: TaskStore, reconciler: Reconciler) -> None:
    """With the count of all tasks gone, a new task still waits behind those that have waited."""
    first = [await submitted(store) for _ in range(5)]
    await store.redis.delete(SEQUENCE)
    await reconciler.round()
    last = await submitted(store)
    assert [one.decode() for one in await store.redis.zrange(QUEUE, 0, -1)] == [
        *(one.task_id for one in first),
        last.task_id,
    ]


async def test_two_that_count_correct_once(store: TaskStore, workforce: Workforce) -> None:
    """However many find the same difference, it is made up for once."""
    for _ in range(20):
        await submitted(store)
    await store.redis.incrby(INPUT_BYTES, 777)
    await asyncio.gather(*(Reconciler(store, retention=RETENTION).round() for _ in range(8)))
    assert (await workforce.depth()).input_bytes == 2000


async def test_work_goes_on_meanwhile(store: TaskStore, workforce: Workforce, redis_url: str) -> None:
    """Rounds beside tasks that are submitted, claimed, given back, erased and ended change nothing of what comes of
    them."""
    over = asyncio.Event()

    async def rounds() -> None:
        async with TaskStore.open(redis_url) as other:
            while not over.is_set():
                await Reconciler(other, retention=RETENTION).round()

    async def work(number: int) -> TaskRecord | None:
        record = await submitted(store, idempotency=uuid.uuid4().bytes)
        running = await claimed(store, record)
        assert await store.requeue(running)
        running = await claimed(store, running.released(crashed=False))
        if number % 3 == 0:
            assert await store.erase(running)
            return None
        return await done(store, running)

    rounding = asyncio.create_task(rounds())
    ended = [one for _ in range(5) for one in await asyncio.gather(*(work(number) for number in range(40)))]
    over.set()
    await rounding
    for record in filter(None, ended):
        assert await store.fetch(record.task_id) == record
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)
    assert await store.redis.zcard(QUEUE) == 0
