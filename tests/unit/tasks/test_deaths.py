"""Workers that die, or only look as if: whose tasks are taken, when, and by whom. On a real Redis."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from schemas.errors import TaskInternalError
from schemas.task import TaskState
from tasks.dispatch import QUEUE
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tasks.workforce import ALIVE_SECONDS, HEARTBEAT_SECONDS, Capabilities, Workforce
from tests.unit.tasks import made_tasks
from tests.unit.tasks.made_tasks import RETENTION, SHA256

SERVED = Capabilities(("a-model",))


class Observer:
    """A look at the store with a clock that stands still, and what may happen while it moves on."""

    def __init__(self, store: TaskStore) -> None:
        self.now = 0.0
        self.workforce = Workforce(store, clock=lambda: self.now)

    async def watch(self, seconds: float, meanwhile: Callable[[], Awaitable[object]] | None = None) -> int:
        """Looks at every heartbeat, so many seconds long; returns how many tasks were given back."""
        recovered = 0
        for _ in range(round(seconds / HEARTBEAT_SECONDS) + 1):
            if meanwhile:
                await meanwhile()
            await self.workforce.depth()
            recovered += await self.workforce.recover(retention=RETENTION)
            self.now += HEARTBEAT_SECONDS
        return recovered


@pytest.fixture
def observer(store: TaskStore) -> Observer:
    return Observer(store)


async def claimed(store: TaskStore, worker: str = "w", record: TaskRecord | None = None) -> TaskRecord:
    running = await store.claim(record or await made_tasks.submitted(store), worker)
    assert running is not None
    return running


async def waiting(store: TaskStore) -> list[str]:
    return [task_id.decode() for task_id in await store.redis.zrange(QUEUE, 0, -1)]


async def test_a_burial_does_not_wait(store: TaskStore, workforce: Workforce) -> None:
    """A worker that is known to be dead loses its tasks at once, and only that one."""
    for worker in ("dead", "other"):
        await workforce.heartbeat(worker, SERVED)
    dead, other, unheard = [await claimed(store, worker) for worker in ("dead", "other", "unheard")]
    assert await workforce.bury("dead", retention=RETENTION) == 1
    assert await store.fetch(unheard.task_id) == unheard
    assert await store.fetch(dead.task_id) == dead.released(crashed=True)
    assert await store.fetch(other.task_id) == other


async def test_a_task_that_kills_its_workers_fails(store: TaskStore, workforce: Workforce) -> None:
    """After two dead workers a task is not given to a third."""
    first = await claimed(store, "first")
    await workforce.bury("first", retention=RETENTION)
    second = await claimed(store, "second", first.released(crashed=True))
    await workforce.bury("second", retention=RETENTION)
    ended = await store.fetch(second.task_id)
    assert ended is not None
    assert ended.error is not None
    assert (ended.state, ended.error["type"]) == (TaskState.FAILED, TaskInternalError.type)
    assert await waiting(store) == []
    assert (await workforce.depth()).input_bytes == 0


async def test_the_living_keep_their_tasks(store: TaskStore, workforce: Workforce, observer: Observer) -> None:
    """Nothing is taken from a worker that beats."""
    running = await claimed(store)
    assert await observer.watch(60, lambda: workforce.heartbeat("w", SERVED)) == 0
    assert await store.fetch(running.task_id) == running
    assert set((await observer.workforce.depth()).workers) == {"w"}


@pytest.mark.parametrize("known", [True, False], ids=["stopped", "never heard"])
async def test_the_tasks_of_the_dead_are_taken(
    store: TaskStore, workforce: Workforce, observer: Observer, known: bool
) -> None:
    """A worker that has stopped to beat, or that died before its first, loses its task to the queue; not before it was
    watched for as long as it may be silent."""
    running = await claimed(store)
    if known:
        await workforce.heartbeat("w", SERVED)
    assert await observer.watch(ALIVE_SECONDS - HEARTBEAT_SECONDS) == 0
    assert await observer.watch(2 * HEARTBEAT_SECONDS) == 1
    assert await store.fetch(running.task_id) == running.released(crashed=True)
    assert await waiting(store) == [running.task_id]
    assert (await observer.workforce.depth()).workers == {}
    assert await workforce.reports() == {}


@pytest.mark.parametrize("hours", [-1000, 1000])
async def test_the_time_of_day_does_not_matter(
    store: TaskStore, workforce: Workforce, observer: Observer, hours: int
) -> None:
    """Beats of another day, as those of a Redis whose clock was put forward or back, make nobody dead or alive."""
    running, lost = await claimed(store), await claimed(store, "dead")
    today = (await store.redis.time())[0] * 1000
    await store.redis.zadd("voiceprint:workers", {"w": today + hours * 3_600_000, "dead": today + hours * 3_600_000})
    assert await observer.watch(2 * ALIVE_SECONDS, lambda: workforce.heartbeat("w", SERVED)) == 1
    assert await store.fetch(running.task_id) == running
    assert await store.fetch(lost.task_id) == lost.released(crashed=True)


async def test_a_beat_is_not_worth_the_disk(store: TaskStore, workforce: Workforce) -> None:
    """Redis writes down that there is a worker, and not each time that it says so."""
    await workforce.heartbeat("w", SERVED)
    written = (await store.redis.info("persistence"))["aof_current_size"]
    for _ in range(3):
        await workforce.heartbeat("w", SERVED)
    assert (await store.redis.info("persistence"))["aof_current_size"] == written
    assert await store.redis.zscore("voiceprint:workers", "w") > 3


async def test_who_was_frozen_does_not_bury_others(store: TaskStore, workforce: Workforce, observer: Observer) -> None:
    """After a pause of its own, or of Redis, an observer gives those that have not beaten meanwhile the time to."""
    await claimed(store)
    await workforce.heartbeat("w", SERVED)
    await observer.watch(0)
    observer.now += 3600
    assert await observer.watch(HEARTBEAT_SECONDS) == 0
    assert await observer.watch(ALIVE_SECONDS) == 1


async def test_who_looks_seldom_finds_the_dead_all_the_same(
    store: TaskStore, workforce: Workforce, observer: Observer
) -> None:
    """On a machine that is too busy for regular looks, a dead worker is found later, not never."""
    await claimed(store)
    await workforce.heartbeat("w", SERVED)
    found = 0
    for _ in range(4):
        found += await observer.watch(0)
        observer.now += 10
    assert found == 1


async def test_a_beat_in_the_last_moment_counts(store: TaskStore, workforce: Workforce) -> None:
    """Who beats between the look that finds it dead and the burial is not buried."""
    running = await claimed(store)
    await workforce.heartbeat("w", SERVED)
    seen = await store.redis.zscore("voiceprint:workers", "w")
    await workforce.heartbeat("w", SERVED)
    assert await workforce._give_back(["w", seen], RETENTION) == 0
    assert await store.fetch(running.task_id) == running


async def test_who_comes_while_one_looks_is_alive_at_once(workforce: Workforce) -> None:
    """What was there before the first look may be left from yesterday, what comes after it is not."""
    await workforce.heartbeat("before", SERVED)
    assert (await workforce.depth()).workers == {}
    await workforce.heartbeat("after", SERVED)
    assert (await workforce.depth()).workers == {"after": SERVED}


async def test_a_worker_that_was_given_up_may_come_back(workforce: Workforce, observer: Observer) -> None:
    """Frozen and woken again, it counts as alive from its next beat on."""
    await workforce.heartbeat("w", SERVED)
    await observer.watch(2 * ALIVE_SECONDS)
    assert (await observer.workforce.depth()).workers == {}
    await workforce.heartbeat("w", SERVED)
    assert (await observer.workforce.depth()).workers == {"w": SERVED}


async def test_one_death_counts_once(store: TaskStore, redis_url: str) -> None:
    """However many notice the death of a worker at the same time, each of its tasks is one crash nearer to its end."""
    running = [await claimed(store, "dead") for _ in range(30)]
    others = [TaskStore.open(redis_url) for _ in range(6)]
    await asyncio.gather(*(Workforce(other).bury("dead", retention=RETENTION) for other in others))
    for other in others:
        await other.close()
    assert [await store.fetch(one.task_id) for one in running] == [one.released(crashed=True) for one in running]
    assert len(await waiting(store)) == 30


async def test_a_task_that_was_recovered_meanwhile_is_left_alone(
    store: TaskStore, workforce: Workforce, redis_url: str
) -> None:
    """Who found a task orphaned, and comes to it after another has requeued it and a third has it, does nothing."""
    running = [await claimed(store, "dead") for _ in range(20)]
    await workforce.heartbeat("third", SERVED)

    async def recover_and_claim() -> None:
        for one in reversed(running):
            if await other.requeue(one, crashed=True):
                await other.claim(one.released(crashed=True), "third")

    async with TaskStore.open(redis_url) as other:
        await asyncio.gather(workforce.bury("dead", retention=RETENTION), recover_and_claim())
    for one in running:
        now = await store.fetch(one.task_id)
        assert now in (one.released(crashed=True), one.released(crashed=True).claimed("third"))


async def test_an_end_during_a_recovery_stays(store: TaskStore, workforce: Workforce, redis_url: str) -> None:
    """A worker that was given up for dead and finishes before its task is taken has finished it."""
    running = [await claimed(store, "slow") for _ in range(20)]
    kept: list[TaskRecord] = []

    async def finish() -> None:
        for one in reversed(running):
            done = one.done(10, SHA256)
            if await other.finish(one, done, retention=RETENTION):
                kept.append(done)

    async with TaskStore.open(redis_url) as other:
        await asyncio.gather(workforce.bury("slow", retention=RETENTION), finish())
    assert kept
    for done in kept:
        assert await store.fetch(done.task_id) == done
    assert len(await waiting(store)) == len(running) - len(kept)
