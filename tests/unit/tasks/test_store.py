"""The task store on a real Redis: what must happen once happens once, by however many it is asked for."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from schemas.errors import ConfigurationError, Conflict, Overloaded, StorageFull
from schemas.task import TaskState
from tasks.connection import Unreachable
from tasks.dispatch import QUEUE, WAKE, entry
from tasks.reconciler import Reconciler
from tasks.record import Callback, RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tasks.workforce import Capabilities, Workforce

RETENTION = 1000.0
SHA256 = bytes(range(32))
SERVED = Capabilities(("a-model", "another"), ("gender",))


def new(size: int = 100) -> TaskRecord:
    return TaskRecord(str(uuid.uuid4()), "a-technology", 1, {"channels": [0]}, size, SHA256)


async def submitted(store: TaskStore, size: int = 100) -> TaskRecord:
    record = new(size)
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    return record


async def claimed(store: TaskStore, worker: str = "w", record: TaskRecord | None = None) -> TaskRecord:
    running = await store.claim(record or await submitted(store), worker)
    assert running is not None
    return running


async def finished(store: TaskStore, running: TaskRecord) -> TaskRecord:
    done = running.done(10, SHA256)
    assert await store.finish(running, done, retention=RETENTION)
    return done


async def waiting(store: TaskStore) -> list[str]:
    """The ids in arq's queue, first come first."""
    return [task_id.decode() for task_id in await store.redis.zrange(QUEUE, 0, -1)]


async def everything(store: TaskStore) -> dict[bytes, Any]:
    """All keys with their content."""
    return {key: await store.redis.dump(key) for key in await store.redis.keys()}


async def test_a_submitted_task_exists_and_waits(store: TaskStore) -> None:
    """After submit there are its record, its place in the queue, arq's job and a token for a sleeping worker."""
    record = await submitted(store)
    assert await store.fetch(record.task_id) == record
    assert await waiting(store) == [record.task_id]
    assert await store.redis.get(entry(record).job_key) == entry(record).job
    assert await store.redis.llen(WAKE) == 1


async def test_submitting_again_changes_nothing(store: TaskStore) -> None:
    """A submit that is repeated because its answer was lost finds its task and leaves everything as it is."""
    record = await submitted(store)
    before = await everything(store)
    await store.submit(record, max_open=1, max_input_bytes=1)
    assert await everything(store) == before


async def test_submitting_again_does_not_restart_a_task(store: TaskStore) -> None:
    """A repeated submit that arrives late does not touch a task that has been done meanwhile."""
    record = await submitted(store)
    done = await finished(store, await claimed(store, record=record))
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    assert await store.fetch(record.task_id) == done
    assert await waiting(store) == []


def keyed(key: bytes = b"a digest", **fields: Any) -> TaskRecord:
    """A task that was made with an idempotency key."""
    return replace(new(), idempotency=key, **fields)


async def taken(store: TaskStore, record: TaskRecord) -> str:
    return await store.submit(record, max_open=1000, max_input_bytes=1 << 30)


async def test_an_equal_request_finds_its_task(store: TaskStore) -> None:
    """With the same idempotency key a second submit answers the first one's id, and nothing is stored twice."""
    first = keyed()
    assert await taken(store, first) == first.task_id
    before = await everything(store)
    assert await taken(store, keyed(created_ms=99)) == first.task_id
    assert await everything(store) == before


@pytest.mark.parametrize(
    "other",
    [
        {"parameters": {"channels": [1]}},
        {"technology": "another"},
        {"input_sha256": bytes(32)},
        {"callback": Callback("http://x.example", ("192.0.2.1",), "http://here")},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_another_request_with_the_same_key_is_a_conflict(store: TaskStore, other: dict[str, Any]) -> None:
    """Whatever differs of what was asked for, it is refused and leaves no trace."""
    await taken(store, keyed())
    before = await everything(store)
    with pytest.raises(Conflict):
        await taken(store, keyed(**other))
    assert await everything(store) == before


async def test_other_keys_are_other_tasks(store: TaskStore) -> None:
    """Equal requests with different keys, or without one, are tasks of their own."""
    records = [keyed(b"one"), keyed(b"two"), new(), new()]
    assert [await taken(store, record) for record in records] == [record.task_id for record in records]


async def test_many_equal_requests_at_once_are_one_task(store: TaskStore, redis_url: str) -> None:
    """Of thirty concurrent submits with one key, through two connections, one makes the task and all answer it."""
    async with TaskStore.open(redis_url) as other:
        answers = await asyncio.gather(*(taken((store, other)[n % 2], keyed()) for n in range(30)))
    assert len(set(answers)) == 1
    assert await waiting(store) == answers[:1]


async def test_an_equal_request_needs_no_room(store: TaskStore) -> None:
    """It finds its task although the queue and the storage are full."""
    first = keyed()
    await taken(store, first)
    assert await store.submit(keyed(), max_open=1, max_input_bytes=100) == first.task_id


async def test_a_key_is_remembered_as_long_as_its_task(store: TaskStore) -> None:
    """While the task is open without end, after its end for the retention, and not beyond."""
    record = keyed()
    await taken(store, record)
    key = f"voiceprint:idempotency:{record.idempotency.hex()}"
    assert await store.remembers(record.idempotency)
    assert await store.redis.pttl(key) == -1
    running = await claimed(store, record=record)
    assert await store.finish(running, running.done(1, SHA256), retention=1000)
    assert await taken(store, keyed()) == record.task_id
    async with store.redis.pipeline(transaction=True) as at_once:
        task, remembered = await at_once.pttl(f"voiceprint:task:{record.task_id}").pttl(key).execute()
    assert 0 < task <= remembered + 5 <= 1_000_005
    await store.redis.pexpire(key, 1)
    await asyncio.sleep(0.01)
    assert not await store.remembers(record.idempotency)


async def test_an_erased_task_frees_its_key(store: TaskStore) -> None:
    """After it the same key makes a new task, of whatever request."""
    record = keyed()
    await taken(store, record)
    assert await store.erase(record)
    assert not await store.remembers(record.idempotency)
    again = keyed(parameters={})
    assert await taken(store, again) == again.task_id


async def test_a_key_whose_task_is_gone_is_free(store: TaskStore) -> None:
    """A key never answers a task that is not there."""
    record = keyed()
    await taken(store, record)
    await store.redis.delete(f"voiceprint:task:{record.task_id}")
    again = keyed()
    assert await taken(store, again) == again.task_id


@pytest.mark.parametrize("damage", ["changed", "gone"])
async def test_the_key_of_a_task_without_a_good_record_goes(
    store: TaskStore, workforce: Workforce, damage: str
) -> None:
    """Nobody can read with which key it was made; after a round it expires with the task all the same, and no other
    does."""
    record, other = keyed(), keyed(b"other")
    await taken(store, record)
    await taken(store, other)
    key = f"voiceprint:task:{record.task_id}"
    await (store.redis.delete(key) if damage == "gone" else store.redis.setrange(key, 30, b"\xff"))
    await store.redis.zrem(QUEUE, record.task_id)
    await workforce.depth()
    assert await workforce.recover(retention=RETENTION) == 1
    await Reconciler(store, retention=RETENTION).round()
    assert 0 < await store.redis.pttl(f"voiceprint:idempotency:{record.idempotency.hex()}") <= RETENTION * 1000
    assert await store.redis.pttl(f"voiceprint:idempotency:{other.idempotency.hex()}") == -1


async def test_a_task_without_a_key_leaves_no_key(store: TaskStore) -> None:
    """Nothing is remembered of requests that were not named."""
    await finished(store, await claimed(store))
    assert await store.redis.keys("voiceprint:idempotency:*") == []


async def test_a_full_queue_takes_nothing(store: TaskStore) -> None:
    """At the limit a submit is refused with a time to come back, and leaves no trace."""
    for _ in range(2):
        await submitted(store)
    before = await everything(store)
    with pytest.raises(Overloaded) as refused:
        await store.submit(new(), max_open=2, max_input_bytes=1 << 30)
    assert "Retry-After" in refused.value.headers
    assert await everything(store) == before


async def test_running_tasks_count_for_the_limit(store: TaskStore) -> None:
    """A claimed task still takes its place until it ends."""
    running = await claimed(store)
    with pytest.raises(Overloaded):
        await store.submit(new(), max_open=1, max_input_bytes=1 << 30)
    await finished(store, running)
    await store.submit(new(), max_open=1, max_input_bytes=1 << 30)


async def test_full_storage_takes_nothing(store: TaskStore) -> None:
    """Uploads may fill the room to the last byte, and what does not fit leaves no trace."""
    await store.submit(new(60), max_open=10, max_input_bytes=100)
    before = await everything(store)
    with pytest.raises(StorageFull):
        await store.submit(new(41), max_open=10, max_input_bytes=100)
    assert await everything(store) == before
    await store.submit(new(40), max_open=10, max_input_bytes=100)


async def test_many_submits_at_once_do_not_pass_the_limit(store: TaskStore) -> None:
    """Of 30 concurrent submits for 10 places exactly 10 are taken."""
    answers = await asyncio.gather(
        *(store.submit(new(), max_open=10, max_input_bytes=1 << 30) for _ in range(30)), return_exceptions=True
    )
    assert sum(isinstance(answer, str) for answer in answers) == 10
    assert sum(isinstance(answer, Overloaded) for answer in answers) == 20
    assert len(await waiting(store)) == 10


async def test_counters_return_to_zero(store: TaskStore, workforce: Workforce) -> None:
    """When all tasks have ended, by whatever way, nothing waits, runs or takes room."""
    await finished(store, await claimed(store))
    running = await claimed(store)
    await store.finish(running, running.refused(TaskState.REJECTED, {}), retention=RETENTION)
    running = await claimed(store)
    assert await store.requeue(running)
    await finished(store, await claimed(store, record=running.released(crashed=False)))
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)


async def test_depth_tells_what_there_is(store: TaskStore, workforce: Workforce) -> None:
    """Waiting and running tasks, their bytes, and the live workers with their models."""
    await submitted(store, 5)
    await submitted(store, 7)
    await claimed(store, record=await submitted(store, 11))
    for worker in ("alive", "still"):
        await Workforce(store).heartbeat(worker, SERVED)
    await workforce.depth()
    await Workforce(store).heartbeat("alive", SERVED)
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes, depth.workers) == (2, 1, 23, {"alive": SERVED})


async def test_first_come_first_served(store: TaskStore) -> None:
    """The queue has the order of submission, although ids are random and clocks may stand still."""
    records = [await submitted(store) for _ in range(20)]
    assert await waiting(store) == [record.task_id for record in records]


async def test_one_of_many_gets_a_task(store: TaskStore, redis_url: str) -> None:
    """Of 20 workers that want the same task at the same time exactly one claims it."""
    record = await submitted(store)
    async with TaskStore.open(redis_url) as other:
        stores = [store, other] * 10
        answers = await asyncio.gather(*(stores[n].claim(record, f"w{n}") for n in range(20)))
    winners = [answer for answer in answers if answer is not None]
    assert len(winners) == 1
    assert await store.fetch(record.task_id) == winners[0]


async def test_a_repeated_claim_is_the_same_claim(store: TaskStore) -> None:
    """A worker that asks again because the answer was lost owns the task still, at the same attempt."""
    record = await submitted(store)
    assert await store.claim(record, "w") == await store.claim(record, "w") == record.claimed("w")


async def test_a_claimed_task_has_left_the_queue(store: TaskStore) -> None:
    """arq knows nothing any more of a task that runs."""
    running = await claimed(store)
    assert await waiting(store) == []
    queued = entry(running)
    assert await store.redis.exists(queued.job_key, queued.in_progress_key, queued.retry_key) == 0


async def test_an_older_attempt_cannot_finish(store: TaskStore) -> None:
    """A worker that was given up for dead and comes back late does not touch the task that another has by now."""
    late = await claimed(store, "late")
    assert await store.requeue(late, crashed=True)
    second = await claimed(store, "second", late.released(crashed=True))
    assert not await store.finish(late, late.done(1, SHA256), retention=RETENTION)
    assert not await store.requeue(late)
    assert await store.fetch(late.task_id) == second
    assert await store.redis.hget("voiceprint:running", late.task_id) == b"second"


async def test_a_finish_may_be_repeated(store: TaskStore, workforce: Workforce) -> None:
    """The same end told twice is told once, and takes its bytes off the count once."""
    await submitted(store, 1000)
    running = await claimed(store)
    done = running.done(10, SHA256)
    assert await store.finish(running, done, retention=RETENTION)
    assert await store.finish(running, done, retention=RETENTION)
    assert (await workforce.depth()).input_bytes == 1000


async def test_an_end_is_final(store: TaskStore, workforce: Workforce) -> None:
    """Whoever holds any earlier record can neither end, give back, claim nor bury what has ended."""
    pending = await submitted(store)
    running = await claimed(store, record=pending)
    done = await finished(store, running)
    assert not await store.finish(running, running.refused(TaskState.FAILED, {}), retention=RETENTION)
    assert not await store.requeue(running)
    assert not await store.requeue(pending)
    assert await store.claim(pending, "other") is None
    assert await workforce.bury("w", retention=RETENTION) == 0
    assert await store.fetch(done.task_id) == done


async def test_a_task_given_back_is_the_next(store: TaskStore) -> None:
    """It returns to the place that it had, in front of those that came later, and a worker is woken."""
    first, second = await submitted(store), await submitted(store)
    running = await claimed(store, record=first)
    await store.redis.delete(WAKE)
    assert await store.requeue(running)
    assert await waiting(store) == [first.task_id, second.task_id]
    assert await store.redis.llen(WAKE) == 1
    assert await store.redis.get(entry(first).job_key) == entry(first).job
    assert await store.fetch(first.task_id) == running.released(crashed=False)


async def test_a_repeated_requeue_is_one(store: TaskStore) -> None:
    """Giving back twice leaves one entry, and one crash where it was a crash."""
    running = await claimed(store)
    assert await store.requeue(running, crashed=True)
    assert await store.requeue(running, crashed=True)
    assert await waiting(store) == [running.task_id]
    assert (await store.fetch(running.task_id)) == running.released(crashed=True)


async def test_what_arq_lost_is_rebuilt(store: TaskStore, workforce: Workforce) -> None:
    """When all that arq knows is gone, every waiting task comes back in its order, and counts no crash."""
    records = [await submitted(store) for _ in range(3)]
    await store.redis.delete(QUEUE, WAKE, *(entry(record).job_key for record in records))
    await workforce.depth()
    assert await workforce.recover(retention=RETENTION) == 3
    assert await waiting(store) == [record.task_id for record in records]
    for record in records:
        assert await store.fetch(record.task_id) == record
        assert await store.redis.get(entry(record).job_key) == entry(record).job


async def test_a_lost_entry_is_found_beside_a_running_task(store: TaskStore, workforce: Workforce) -> None:
    """One stranded task among waiting and running ones comes back, and the others are left alone."""
    running, stranded, other = await claimed(store), await submitted(store), await submitted(store)
    await store.redis.zrem(QUEUE, stranded.task_id)
    await workforce.heartbeat("w", SERVED)
    assert await workforce.recover(retention=RETENTION) == 1
    assert await waiting(store) == [stranded.task_id, other.task_id]
    assert await store.fetch(running.task_id) == running


async def test_a_damaged_record_is_refused(store: TaskStore) -> None:
    """A record that changed in the store is never taken for a task."""
    record = await submitted(store)
    await store.redis.setrange(f"voiceprint:task:{record.task_id}", 30, b"\xff")
    with pytest.raises(RecordDamaged):
        await store.fetch(record.task_id)


@pytest.mark.parametrize("damage", ["changed", "empty", "gone"])
@pytest.mark.parametrize("place", ["running", "stranded"])
async def test_a_task_without_a_good_record_fails(
    store: TaskStore, workforce: Workforce, damage: str, place: str
) -> None:
    """A task whose record was damaged or has vanished ends as failed, and nothing of it stays behind."""
    record = await submitted(store)
    if place == "running":
        await claimed(store, "dead", record)
    else:
        await store.redis.zrem(QUEUE, record.task_id)
    key = f"voiceprint:task:{record.task_id}"
    if damage == "empty":
        await store.redis.set(key, b"")
    else:
        await (store.redis.delete(key) if damage == "gone" else store.redis.setrange(key, 30, b"\xff"))
    assert await workforce.bury("dead", retention=RETENTION) == 1
    ended = await store.fetch(record.task_id)
    assert ended is not None
    assert (ended.state, ended.worker) == (TaskState.FAILED, "")
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)
    assert await workforce.recover(retention=RETENTION) == 0


async def test_records_go_after_the_retention(store: TaskStore) -> None:
    """An ended task is known for as long as was said and no longer; one that has not ended never goes."""
    pending, running = await submitted(store), await claimed(store)
    assert await store.redis.pttl(f"voiceprint:task:{pending.task_id}") == -1
    assert await store.redis.pttl(f"voiceprint:task:{running.task_id}") == -1
    assert await store.finish(running, running.done(1, SHA256), retention=1000)
    assert 990_000 < await store.redis.pttl(f"voiceprint:task:{running.task_id}") <= 1_000_000
    brief = await claimed(store)
    assert await store.finish(brief, brief.done(1, SHA256), retention=0.001)
    await asyncio.sleep(0.01)
    assert await store.fetch(brief.task_id) is None


async def test_an_unknown_task_is_none(store: TaskStore) -> None:
    """Asking for what never was is an answer, not an error."""
    assert await store.fetch(str(uuid.uuid4())) is None


async def test_open_tasks_are_told_from_ended_ones(store: TaskStore) -> None:
    """Waiting and running tasks are open, ended and unknown ones are not."""
    pending, running = await submitted(store), await claimed(store)
    done = await finished(store, await claimed(store))
    asked = [pending.task_id, running.task_id, done.task_id, "unknown"]
    assert await store.still_open(asked) == {pending.task_id, running.task_id}
    assert await store.still_open([]) == set()


async def test_redis_that_is_away_is_overload() -> None:
    """While Redis cannot be reached every call is refused as passing, with a time to come back."""
    async with TaskStore.open("redis://127.0.0.1:1/0") as away:
        for call in (
            away.ping(),
            away.fetch("id"),
            away.submit(new(), max_open=1, max_input_bytes=1000),
            Workforce(away).depth(),
            Workforce(away).heartbeat("w", SERVED),
        ):
            with pytest.raises(Unreachable) as refused:
                await call
            assert refused.value.http_status == 503
            assert "Retry-After" in refused.value.headers


@pytest.fixture
async def full(store: TaskStore) -> AsyncIterator[TaskStore]:
    """A store whose Redis has no memory left until the test sets that right."""
    await store.redis.config_set("maxmemory", "0")
    yield store
    await store.redis.config_set("maxmemory", "0")


async def test_redis_without_memory_is_full_storage(full: TaskStore) -> None:
    """A Redis that has no memory left refuses a task by name and whole, and takes it when it has some."""
    before = await everything(full)
    await full.redis.config_set("maxmemory", "1")
    with pytest.raises(StorageFull):
        await submitted(full)
    assert await everything(full) == before
    await full.redis.config_set("maxmemory", "0")
    await submitted(full)


async def test_work_that_is_done_counts_without_memory(full: TaskStore) -> None:
    """A task can end while Redis has no memory left, so that there is some again."""
    running = await claimed(full)
    await full.redis.config_set("maxmemory", "1")
    await finished(full, running)


async def test_scripts_that_redis_forgot_are_sent_again(store: TaskStore) -> None:
    """A Redis that was restarted knows no scripts, and nobody notices."""
    await submitted(store)
    await store.redis.script_flush()
    record = await submitted(store)
    assert await store.fetch(record.task_id) == record


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "redis://host:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """An address that cannot be one of Redis names the setting."""
    with pytest.raises(ConfigurationError, match="VOICEPRINT_REDIS_URL"):
        TaskStore.open(url)


async def test_another_size_in_the_end_record_is_not_possible(store: TaskStore, workforce: Workforce) -> None:
    """The bytes that an end takes off the count are those of the record that was submitted."""
    await submitted(store, 500)
    running = await claimed(store, record=await submitted(store, 70))
    assert running == replace(running, input_bytes=70)
    await finished(store, running)
    assert (await workforce.depth()).input_bytes == 500


async def test_an_id_is_never_answered_with_another_record(store: TaskStore) -> None:
    """A sound record that stands under the id of another task is damage."""
    one, other = new(), new()
    await store.redis.set(f"voiceprint:task:{one.task_id}", other.pack())
    with pytest.raises(RecordDamaged, match="that of another task"):
        await store.fetch(one.task_id)
