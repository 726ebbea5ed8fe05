"""Callbacks from Redis to their receivers: once when all goes well, again when not, never when the task is gone."""

import asyncio
import logging
import subprocess
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.embedded_redis import redis_server
from appliance.webhooks.delivery import Delivery
from appliance.webhooks.lanes import Lanes
from appliance.webhooks.sending import Sender
from tasks.callbacks import CallbackQueue
from tasks.keys import CALLBACKS
from tasks.record import Callback, TaskRecord
from tasks.store import TaskStore
from tests.patience import PATIENCE, eventually
from tests.unit.appliance.webhooks.receiver import Answer, Call, Receiver, receiving

KEY = b"a key of sixteen bytes"


def delivery(store: TaskStore, *, answer_seconds: float = PATIENCE, **options: Any) -> Delivery:
    """One whose delays a test can wait for."""
    return Delivery(store, Sender(KEY, answer_seconds=answer_seconds), **{"delays": (0.01,)} | options)


async def ended(store: TaskStore, receiver: Receiver | str, *, retention: float = 1000.0) -> TaskRecord:
    """A task whose end `receiver` is to be told of, just done."""
    url = receiver if isinstance(receiver, str) else f"{receiver.url}/?token=what-nobody-may-log"
    record = TaskRecord(str(uuid.uuid4()), "a-technology", 1, callback=Callback(url, ("127.0.0.1",), "http://here/"))
    await store.submit(record, max_open=1000, max_input_bytes=1 << 30)
    running = await store.claim(record, "w")
    assert running is not None
    done = running.done(10, bytes(32))
    assert await store.finish(running, done, retention=retention)
    return done


async def got(receiver: Receiver, calls: int) -> list[str]:
    """The ids of the tasks that `receiver` was told of, once there are so many."""
    return [call.task_id for call in await asyncio.to_thread(receiver.got, calls)]


async def settled(store: TaskStore) -> None:
    """Returns when nothing is left to be told."""

    async def over() -> bool:
        return not await store.redis.exists(CALLBACKS)

    await eventually(over)


async def counted(store: TaskStore, record: TaskRecord, failures: int) -> None:
    """Returns when so many failures have been counted."""
    key = f"voiceprint:callback-failures:{record.task_id}"

    async def so_many() -> bool:
        return int(await store.redis.get(key) or 0) >= failures

    await eventually(so_many)


def failing(times: int, status: int = 500) -> Any:
    """An answer that fails so many times for each task."""
    seen: Counter[str] = Counter()

    def answer(call: Call, _: int) -> Answer:
        seen[call.task_id] += 1
        return Answer(status if seen[call.task_id] <= times else 200)

    return answer


async def test_an_end_is_told_once(store: TaskStore) -> None:
    """Whether the task ends before the delivery starts or while it runs."""
    with receiving() as receiver:
        before = await ended(store, receiver)
        async with delivery(store):
            assert await got(receiver, 1) == [before.task_id]
            during = await ended(store, receiver)
            assert await got(receiver, 2) == [before.task_id, during.task_id]
            await settled(store)
        assert len(receiver.calls) == 2


async def test_a_failure_is_repeated(store: TaskStore) -> None:
    """Until it succeeds, each time under the same id; then nothing is kept of it."""
    with receiving(failing(3)) as receiver:
        done = await ended(store, receiver)
        async with delivery(store):
            assert await got(receiver, 4) == [done.task_id] * 4
            await settled(store)
        assert len(receiver.calls) == 4
    assert not await store.redis.keys("voiceprint:callback*")


async def test_a_receiver_that_is_gone_is_left_alone(store: TaskStore) -> None:
    """410 is the last answer."""
    with receiving(Answer(410)) as receiver:
        await ended(store, receiver)
        async with delivery(store):
            await got(receiver, 1)
            await settled(store)
        assert len(receiver.calls) == 1


async def test_a_receiver_that_comes_back(store: TaskStore) -> None:
    """What nobody took while it was away it gets when it is there."""
    with receiving() as receiver:
        pass
    done = await ended(store, receiver)
    async with delivery(store):
        await counted(store, done, 2)
        with receiving(port=int(receiver.url.split("/")[2].rpartition(":")[2])) as again:
            assert await got(again, 1) == [done.task_id]
            await settled(store)


async def test_an_erased_task_is_not_told_of(store: TaskStore) -> None:
    """Neither when it was never told, nor when telling failed before."""
    with receiving(Answer(500)) as receiver:
        unsent, failed = await ended(store, receiver), await ended(store, receiver)
        assert await store.erase(unsent)

        async def silent() -> bool:
            before = len(receiver.calls)
            await asyncio.sleep(0.5)
            return len(receiver.calls) == before

        async with delivery(store):
            await got(receiver, 3)
            assert await store.erase(failed)
            await settled(store)
            # What was under way may still come.
            await eventually(silent)
        assert unsent.task_id not in {call.task_id for call in receiver.calls}


async def test_an_expired_task_is_not_told_of(store: TaskStore) -> None:
    """It is repeated for as long as the task is kept, and no longer."""
    with receiving(Answer(500)) as receiver:
        await ended(store, receiver, retention=5.0)
        async with delivery(store):
            await got(receiver, 1)
            await settled(store)
    assert not await store.redis.keys("voiceprint:callback*")


async def test_a_damaged_record_is_passed_over(store: TaskStore) -> None:
    """Who was to be told is not known any more."""
    with receiving() as receiver:
        damaged = await ended(store, receiver)
        await store.redis.set(f"voiceprint:task:{damaged.task_id}", b"something else")
        done = await ended(store, receiver)
        async with delivery(store):
            assert await got(receiver, 1) == [done.task_id]
            await settled(store)


async def test_what_nobody_foresaw_does_not_end_all_deliveries(store: TaskStore) -> None:
    """It is logged, and tried again."""
    with receiving() as receiver:
        await store.redis.set(CALLBACKS, "not what it should be")
        async with delivery(store):
            await asyncio.sleep(0.2)
            await store.redis.delete(CALLBACKS)
            done = await ended(store, receiver)
            assert await got(receiver, 1) == [done.task_id]


async def test_processes_share_the_work(redis_url: str, store: TaskStore) -> None:
    """However many deliver, each end is told once."""
    with receiving() as receiver:
        async with TaskStore.open(redis_url) as other, delivery(store), delivery(other):
            told = [(await ended(store, receiver)).task_id for _ in range(60)]
            assert sorted(await got(receiver, 60)) == sorted(told)
            await settled(store)
        assert len(receiver.calls) == 60


async def test_a_dead_senders_callbacks_are_sent_by_others(store: TaskStore) -> None:
    """When its lease is over."""
    with receiving() as receiver:
        done = await ended(store, receiver)
        await CallbackQueue(store.redis, lease_seconds=0.1).take()
        async with delivery(store):
            assert await got(receiver, 1) == [done.task_id]


async def test_a_stop_gives_back_what_is_under_way(store: TaskStore) -> None:
    """At once, without waiting for the receiver, and not as a failure; whoever delivers next sends it."""
    held = threading.Event()
    with receiving(lambda _, before: Answer(held=None if before else held)) as receiver:
        done = await ended(store, receiver)
        async with delivery(store):
            await got(receiver, 1)
        assert not await store.redis.exists(f"voiceprint:callback-failures:{done.task_id}")
        async with delivery(store):
            assert await got(receiver, 2) == [done.task_id] * 2
            await settled(store)
        held.set()


async def test_a_receiver_that_hangs_holds_up_no_other(store: TaskStore) -> None:
    """It has its own few places; all others go on."""
    held = threading.Event()
    with receiving(Answer(held=held)) as hanging, receiving() as receiver:
        for _ in range(50):
            await ended(store, hanging)
        told = [(await ended(store, receiver)).task_id for _ in range(20)]
        async with delivery(store, at_once=8, lanes=Lanes(3)):
            assert sorted(await got(receiver, 20)) == sorted(told)
            await got(hanging, 3)
        assert len(hanging.calls) == 3
        held.set()


async def test_one_receiver_gets_many_quickly_and_few_at_once(store: TaskStore) -> None:
    """Never more than its places, and none of what found no place is lost."""
    at_once, most, lock = 0, 0, threading.Lock()

    class Counting(threading.Event):
        """How many are held at the same time."""

        def wait(self, _: float | None = None) -> bool:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            super().wait(0.01)
            with lock:
                at_once -= 1
            return True

    with receiving(Answer(held=Counting())) as receiver:
        told = [(await ended(store, receiver)).task_id for _ in range(100)]
        async with delivery(store, lanes=Lanes(4)):
            assert sorted(await got(receiver, 100)) == sorted(told)
            await settled(store)
    assert len(receiver.calls) == 100
    assert most <= 5  # one may be on its way out


async def test_logs_tell_no_more_than_needed(store: TaskStore, caplog: pytest.LogCaptureFixture) -> None:
    """The task, the attempt and what came of it; neither the address's query nor the key."""
    caplog.set_level(logging.DEBUG)
    with receiving(failing(1, 503)) as receiver:
        done = await ended(store, receiver)
        async with delivery(store):
            await got(receiver, 2)
            await settled(store)
    lines = [record.getMessage() for record in caplog.records if done.task_id in record.getMessage()]
    assert any("attempt 1" in line and "status 503" in line for line in lines)
    assert any("attempt 2" in line and "status 200" in line for line in lines)
    assert "what-nobody-may-log" not in caplog.text
    assert KEY.decode() not in caplog.text


@contextmanager
def launched(command: list[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


async def test_an_outage_of_redis_is_waited_out(models_dir: Path, tmp_path: Path) -> None:
    """By a process that is there all the time: what was due before and what comes after is told, once."""
    with (
        redis_server.prepared(redis_server.find(models_dir), tmp_path, "always") as server,
        receiving(lambda _, before: Answer(500 if before == 0 else 204)) as receiver,
    ):
        command = server.launch().command
        async with TaskStore.open(server.url) as store, delivery(store, delays=(1.0,)):
            with launched(command):
                await redis_server.wait_until_ready(server.url, PATIENCE)
                done = await ended(store, receiver)
                await got(receiver, 1)
                # That it failed is remembered by now.
                await counted(store, done, 1)
            with launched(command):
                await redis_server.wait_until_ready(server.url, PATIENCE)
                assert await got(receiver, 2) == [done.task_id] * 2
                again = await ended(store, receiver)
                assert (await got(receiver, 3))[2] == again.task_id
                await settled(store)
