"""Waiting for the end of a task, on a real Redis that may be restarted or go away."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from schemas.errors import Overloaded
from schemas.task import TaskState
from tasks import endings as waiting
from tasks.connection import Unreachable
from tasks.endings import Endings
from tasks.keys import ENDED
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tests.own_redis import OwnRedis
from tests.patience import PATIENCE, eventually
from tests.unit.tasks.made_tasks import OTHER_ID, RETENTION, claimed, done, submitted

# Long enough for a test to fail by its own assertion, far beyond what anything here takes.
# Longer than a test may take: who waits so long is not answered by the end of that time.
LONG = 1000.0


@pytest.fixture
async def endings(store: TaskStore) -> AsyncIterator[Endings]:
    async with Endings(store) as opened:
        await heard(store)
        yield opened


async def heard(store: TaskStore) -> None:
    """Returns once somebody listens for the ends of tasks."""

    async def listeners() -> int:
        ((_, count),) = await store.redis.pubsub_numsub(ENDED)
        return int(count)

    await eventually(listeners)


async def submitted_by(endings: Endings) -> TaskRecord:
    """A task of which the others hear when Redis has it."""
    record = TaskRecord(str(uuid.uuid4()), "a-technology", 1)
    assert await endings.submit(record, max_open=10_000, max_input_bytes=1 << 30) == record.task_id
    return record


async def waits(endings: Endings, *tasks: "asyncio.Task[object]", task_id: str) -> None:
    """Returns once all of `tasks` wait for the task."""
    await eventually(lambda: len(endings._waiting.get(task_id, ())) == len(tasks))


async def test_an_end_that_was_is_told_at_once(store: TaskStore, endings: Endings) -> None:
    """Whoever asks for a task that has ended does not wait."""
    ended = await done(store)
    assert await endings.wait(ended.task_id, LONG) == ended


async def test_who_is_not_admitted_does_not_wait(store: TaskStore, endings: Endings) -> None:
    """A task that is not for whoever asks is told to be so when it is first seen, not at its end."""
    record = await submitted(store)

    def refused(seen: object) -> None:
        assert seen == record
        raise PermissionError

    with pytest.raises(PermissionError):
        await endings.wait(record.task_id, LONG, refused)


async def test_an_end_is_told_when_it_comes(
    store: TaskStore, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits gets the record of the end as soon as it is there, without anyone looking for it."""
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", LONG)
    running = await claimed(store)
    asked = asyncio.create_task(endings.wait(running.task_id, LONG))
    await waits(endings, asked, task_id=running.task_id)
    ended = await done(store, running)
    assert await asked == ended


async def test_a_claim_is_no_end(store: TaskStore, endings: Endings) -> None:
    """After the time to wait the record is told as it is then."""
    record = await submitted(store)
    asked = asyncio.create_task(endings.wait(record.task_id, 3.0))
    await waits(endings, asked, task_id=record.task_id)
    running = await claimed(store, record)
    assert await asked == running


async def test_no_time_is_one_look(store: TaskStore, endings: Endings) -> None:
    """Waiting for 0 s tells how it is."""
    record = await submitted(store)
    assert await endings.wait(record.task_id, 0) == record


async def test_an_unknown_task_is_not_waited_for(endings: Endings) -> None:
    """What is not there, or no longer, is told at once."""
    assert await endings.wait("unknown", LONG) is None


async def test_a_task_that_is_erased_is_told(store: TaskStore, endings: Endings) -> None:
    """Its end is that it is gone."""
    record = await submitted(store)
    asked = asyncio.create_task(endings.wait(record.task_id, LONG))
    await waits(endings, asked, task_id=record.task_id)
    assert await store.erase(record)
    assert await asked is None


async def test_a_damaged_record_is_told(store: TaskStore, endings: Endings) -> None:
    """Who waits for a task whose record cannot be read learns of it."""
    record = await submitted(store)
    await store.redis.setrange(f"voiceprint:task:{record.task_id}", 30, b"\xff")
    with pytest.raises(RecordDamaged):
        await endings.wait(record.task_id, LONG)


async def test_what_was_submitted_here_is_not_asked_for(
    store: TaskStore, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever submits a task and waits for it has its end by what Redis tells alone."""
    fetched: list[str] = []
    fetch = store.fetch

    async def noted(task_id: str) -> TaskRecord | None:
        fetched.append(task_id)
        return await fetch(task_id)

    monkeypatch.setattr(store, "fetch", noted)
    record = await submitted_by(endings)
    asked = asyncio.create_task(endings.wait(record.task_id, LONG))
    await waits(endings, asked, task_id=record.task_id)
    ended = await done(store, await claimed(store, record))
    assert await asked == ended
    assert fetched == []
    assert await endings.wait(record.task_id, LONG) == ended
    assert fetched == [record.task_id]


async def test_what_is_told_may_be_none(store: TaskStore, endings: Endings) -> None:
    """Of a message that holds no record, as earlier versions send it, or none of that task, nothing is believed."""
    record, other = await submitted(store), await submitted(store)
    asked = asyncio.create_task(endings.wait(record.task_id, 3.0))
    for said in (b"", b"nonsense", store.stored(other.done(1, bytes(32)))):
        await waits(endings, asked, task_id=record.task_id)
        await store.redis.publish(ENDED, record.task_id.encode() + said)
    assert await asked == record


async def test_what_has_ended_is_not_known_any_more(
    store: TaskStore, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of tasks that were submitted here only those are known that are open, were accepted, and whose end is heard; and
    of these not too many."""
    ended, erased, open_one = [await submitted_by(endings) for _ in range(3)]
    await done(store, await claimed(store, ended))
    await store.erase(erased)
    await eventually(lambda: list(endings._submitted) == [open_one.task_id])
    with pytest.raises(Overloaded):
        await endings.submit(replace(open_one, task_id=OTHER_ID), max_open=0, max_input_bytes=1)
    assert list(endings._submitted) == [open_one.task_id]
    with monkeypatch.context() as few:
        few.setattr(waiting, "_SUBMITTED_KEPT", 2)
        later = [(await submitted_by(endings)).task_id for _ in range(3)]
        assert list(endings._submitted) == later[1:]
    await store.redis.client_kill_filter(_type="pubsub")
    await eventually(lambda: not endings._submitted)


async def test_a_lost_message_is_made_up_for(
    store: TaskStore, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end that nobody told is found by looking."""
    running = await claimed(store)
    asked = asyncio.create_task(endings.wait(running.task_id, LONG))
    await waits(endings, asked, task_id=running.task_id)
    with monkeypatch.context() as deaf:
        deaf.setattr(endings, "_wake", lambda _: None)
        ended = await done(store, running)
        await asyncio.sleep(0.05)
        assert not asked.done()
    assert await asked == ended


async def test_a_connection_that_breaks_is_made_again(
    store: TaskStore, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the subscription was cut off there is a new one, and ends are told as before."""
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", LONG)
    running = await claimed(store)
    asked = asyncio.create_task(endings.wait(running.task_id, LONG))
    await waits(endings, asked, task_id=running.task_id)
    await store.redis.client_kill_filter(_type="pubsub")
    await done(store, running)
    answer = await asked
    assert answer is not None
    assert answer.state is TaskState.DONE


async def test_many_wait_on_one_connection(store: TaskStore, endings: Endings) -> None:
    """Hundreds who wait are one subscription, take no connections, and each is told of its own task."""
    running = [await claimed(store) for _ in range(300)]
    asked = [asyncio.create_task(endings.wait(one.task_id, LONG)) for one in running]
    for one, task in zip(running, asked, strict=True):
        await waits(endings, task, task_id=one.task_id)
    assert len(await store.redis.client_list(_type="pubsub")) == 1
    assert len(await store.redis.client_list()) < 40
    ended = [await done(store, one) for one in running]
    assert await asyncio.gather(*asked) == ended
    assert len(await store.redis.client_list()) < 40


async def test_many_wait_for_one_task(store: TaskStore, endings: Endings) -> None:
    """All are told, whether or not one of them has left."""
    running = await claimed(store)
    asked = [asyncio.create_task(endings.wait(running.task_id, LONG)) for _ in range(5)]
    await waits(endings, *asked, task_id=running.task_id)
    asked[0].cancel()
    ended = await done(store, running)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [ended] * 4


async def test_who_leaves_leaves_nothing(store: TaskStore, endings: Endings) -> None:
    """A wait that is cancelled or over is forgotten."""
    record = await submitted(store)
    asked = asyncio.create_task(endings.wait(record.task_id, LONG))
    await waits(endings, asked, task_id=record.task_id)
    asked.cancel()
    await asyncio.wait((asked,))
    await endings.wait(record.task_id, 0.01)
    assert endings._waiting == {}


async def test_closing_answers_who_waits(store: TaskStore, endings: Endings) -> None:
    """Those who wait, and those who come later, are told how it is now."""
    record = await submitted(store)
    asked = asyncio.create_task(endings.wait(record.task_id, LONG))
    await waits(endings, asked, task_id=record.task_id)
    endings.close()
    assert await asked == record
    assert await endings.wait(record.task_id, LONG) == record


async def test_a_redis_that_goes_away_is_told(own_redis: OwnRedis) -> None:
    """Who waits learns in seconds that nobody can know; who waits again later is told the end."""
    async with TaskStore.open(own_redis.url) as store, Endings(store) as endings:
        await heard(store)
        running = await claimed(store)
        asked = asyncio.create_task(endings.wait(running.task_id, LONG))
        await waits(endings, asked, task_id=running.task_id)
        own_redis.stop()
        with pytest.raises(Unreachable):
            await asyncio.wait_for(asked, PATIENCE)
        own_redis.start()
        await own_redis.ready()
        asked = asyncio.create_task(endings.wait(running.task_id, LONG))
        await waits(endings, asked, task_id=running.task_id)
        assert await store.finish(running, running.done(1, b""), retention=RETENTION)
        answer = await asked
        assert answer is not None
        assert answer.state is TaskState.DONE


async def test_an_end_during_a_restart_is_told(own_redis: OwnRedis) -> None:
    """What ends between the loss of the subscription and the next one is found, and the waiting goes on through it."""
    async with TaskStore.open(own_redis.url) as store, Endings(store) as endings:
        await heard(store)
        running = await claimed(store)
        asked = asyncio.create_task(endings.wait(running.task_id, LONG))
        await waits(endings, asked, task_id=running.task_id)
        own_redis.stop()
        own_redis.start()
        await own_redis.ready()
        ended = running.done(1, b"")
        assert await store.finish(running, ended, retention=RETENTION)
        assert await asked == ended
