"""The queue of callbacks on a real Redis: each is one sender's at a time, and none is lost or sent for a task that is
gone."""

import asyncio
import uuid

from tasks.callbacks import CallbackQueue, DueCallback
from tasks.keys import CALLBACKS
from tasks.record import Callback, TaskRecord
from tasks.store import TaskStore

CALLBACK = Callback("http://receiver.example/", ("192.0.2.1",), "http://here/")


async def ended(store: TaskStore, *, retention: float = 60.0) -> TaskRecord:
    """A task with a callback that has just been done."""
    record = TaskRecord(str(uuid.uuid4()), "a-technology", 1, callback=CALLBACK)
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    running = await store.claim(record, "w")
    assert running is not None
    done = running.done(10, bytes(32))
    assert await store.finish(running, done, retention=retention)
    return done


async def taken(queue: CallbackQueue) -> DueCallback:
    due = await queue.take()
    assert isinstance(due, DueCallback)
    return due


async def past(store: TaskStore, task_id: str) -> None:
    """Makes what was put off, or leased, due a second ago."""
    seconds, _ = await store.redis.time()
    await store.redis.zadd(CALLBACKS, {task_id: (seconds - 1) * 1000}, xx=True)


async def test_nothing_is_due(store: TaskStore) -> None:
    """Without callbacks there is nothing to wait for."""
    assert await CallbackQueue(store.redis).take() == float("inf")


async def test_an_ended_task_is_due_at_once_for_one_sender(store: TaskStore) -> None:
    """Of many who ask at once one gets it, and the others learn when it may be free again."""
    done = await ended(store)
    answers = await asyncio.gather(*(CallbackQueue(store.redis, lease_seconds=30).take() for _ in range(10)))
    (due,) = (answer for answer in answers if isinstance(answer, DueCallback))
    assert (due.task_id, due.failures) == (done.task_id, 0)
    assert all(29 < answer <= 30 for answer in answers if not isinstance(answer, DueCallback))


async def test_what_was_delivered_is_over(store: TaskStore) -> None:
    """Neither a place in the queue nor a count of failures is left."""
    await ended(store)
    queue = CallbackQueue(store.redis)
    due = await taken(queue)
    assert await queue.again(due, 0.0)
    await queue.delivered(await taken(queue))
    assert await queue.take() == float("inf")
    assert not await store.redis.keys("voiceprint:callback*")


async def test_failures_are_counted_and_trials_are_not(store: TaskStore) -> None:
    """A callback that comes back says how often it failed; one that was only given back has not failed."""
    await ended(store)
    queue = CallbackQueue(store.redis)
    assert await queue.give_back(await taken(queue))
    assert await queue.again(await taken(queue), 0.0)
    assert await queue.again(await taken(queue), 0.0)
    assert (await taken(queue)).failures == 2


async def test_what_is_put_off_waits(store: TaskStore) -> None:
    """It is not due before its time, and then it is."""
    done = await ended(store)
    queue = CallbackQueue(store.redis)
    assert await queue.again(await taken(queue), 100.0)
    left = await queue.take()
    assert isinstance(left, float)
    assert 0 < left <= 100
    await past(store, done.task_id)
    assert (await taken(queue)).failures == 1


async def test_a_dead_senders_callback_is_taken_again(store: TaskStore) -> None:
    """When the lease is over it is due, and the late sender's word about it no longer counts, but for a delivery."""
    await ended(store)
    queue = CallbackQueue(store.redis)
    late = await taken(CallbackQueue(store.redis, lease_seconds=0.001))
    await asyncio.sleep(0.01)
    now = await taken(queue)
    assert now.task_id == late.task_id
    assert not await queue.again(late, 0.0)
    assert not await queue.give_back(late)
    assert isinstance(await queue.take(), float)
    await queue.delivered(late)
    assert not await queue.again(now, 0.0)
    assert await queue.take() == float("inf")


async def test_an_erased_task_is_told_of_no_more(store: TaskStore) -> None:
    """Neither before it is taken nor after, whatever its sender says."""
    done = await ended(store)
    other = await ended(store)
    queue = CallbackQueue(store.redis)
    due = await taken(queue)
    for record in (done, other):
        assert await store.erase(record)
    assert not await queue.again(due, 0.0)
    assert await queue.take() == float("inf")


async def test_an_expired_task_is_told_of_no_more(store: TaskStore) -> None:
    """Its place in the queue goes when somebody comes to it."""
    gone = [await ended(store) for _ in range(3)]
    for record in gone:
        await store.redis.delete(f"voiceprint:task:{record.task_id}")
    left = await ended(store)
    queue = CallbackQueue(store.redis)
    assert (await taken(queue)).task_id == left.task_id
    assert await store.redis.zcard(CALLBACKS) <= 4
    await queue.delivered(DueCallback(left.task_id, 0, 0))
    assert await queue.take() == float("inf")
    assert await store.redis.zcard(CALLBACKS) == 0


async def test_many_that_expired_are_dropped_bit_by_bit(store: TaskStore) -> None:
    """No call holds Redis up for long; the next one goes on at once."""
    await store.redis.zadd(CALLBACKS, {f"gone-{i}": 0 for i in range(1500)})
    queue = CallbackQueue(store.redis)
    assert await queue.take() == 0.0
    assert await queue.take() == float("inf")


async def test_a_count_of_failures_goes_with_its_task(store: TaskStore) -> None:
    """It expires no later than the record."""
    done = await ended(store, retention=50.0)
    queue = CallbackQueue(store.redis)
    assert await queue.again(await taken(queue), 0.0)
    assert 0 < await store.redis.pttl(f"voiceprint:callback-failures:{done.task_id}") <= 50_000


async def test_what_has_just_ended_comes_first(store: TaskStore) -> None:
    """Before what failed earlier, which may fail again."""
    failed = await ended(store)
    queue = CallbackQueue(store.redis)
    assert await queue.again(await taken(queue), 0.0)
    fresh = await ended(store)
    assert [(await taken(queue)).task_id for _ in range(2)] == [fresh.task_id, failed.task_id]


async def test_a_clock_that_was_put_back_holds_nothing_up(store: TaskStore) -> None:
    """What seems to be due in ten hours was put off by a clock of then, and is due now."""
    done = await ended(store)
    seconds, _ = await store.redis.time()
    await store.redis.zadd(CALLBACKS, {done.task_id: (seconds + 36_000) * 1000})
    assert (await taken(CallbackQueue(store.redis))).task_id == done.task_id
