"""What processes count, and the totals of all of them in Redis."""

import asyncio
import threading

import pytest

from schemas.task import TaskState
from tasks.keys import TELLERS, THROUGHPUT, TOTALS
from tasks.metrics.declared import AUDIO, ENDED, QUEUE_WAIT
from tasks.metrics.ends import counted
from tasks.metrics.tally import Tally
from tasks.metrics.telling import Teller, totals
from tasks.metrics.throughput import MINUTES, last_hour
from tasks.record import TaskRecord
from tasks.store import TaskStore, untold

EXTRACTION = "speaker-identification-voiceprint-extraction"


async def told(store: TaskStore) -> Teller:
    """A process that has told of two tasks and some audio."""
    teller = Teller(store, tally := Tally())
    tally.count(ENDED, EXTRACTION, "done", amount=2)
    tally.count(AUDIO, EXTRACTION, amount=12.5)
    assert await teller.now()
    return teller


async def test_the_totals_are_those_of_all_processes(store: TaskStore) -> None:
    """However many have counted."""
    await asyncio.gather(*(told(store) for _ in range(5)))
    assert await totals(store) == {(ENDED.name, EXTRACTION, "done"): 10.0, (AUDIO.name, EXTRACTION): 62.5}


async def test_what_is_counted_meanwhile_comes_next(store: TaskStore) -> None:
    """A process tells each thing once, and one that has nothing to tell asks nothing of Redis."""
    teller = Teller(store, tally := Tally())
    assert await teller.now()
    assert await store.redis.keys() == []
    for _ in range(3):
        tally.observe(QUEUE_WAIT, 0.02, EXTRACTION)
        await asyncio.gather(teller.now(), teller.now())
    bucket = str(QUEUE_WAIT.bounds.index(0.025))
    assert await totals(store) == {
        (QUEUE_WAIT.name, EXTRACTION, bucket): 3.0,
        (QUEUE_WAIT.name, EXTRACTION, "sum"): pytest.approx(0.06),
    }


async def test_a_portion_whose_answer_was_lost_counts_once(store: TaskStore) -> None:
    """It is told again under its number, which Redis knows for a while."""
    await told(store)
    (key,) = await store.redis.keys(TELLERS + "*")
    again = [await store.redis.get(key), 1, 0, f"{ENDED.name}|{EXTRACTION}|done", 1]
    assert await store.run("tell", [TOTALS, key, THROUGHPUT], again) == 0
    assert (await totals(store))[ENDED.name, EXTRACTION, "done"] == 2.0
    assert 0 < await store.redis.pttl(key) <= 600_000


async def test_while_redis_is_away_it_is_kept() -> None:
    """And told when it is back, with what has come since."""
    async with TaskStore.open("unix:///nowhere") as away:
        teller = Teller(away, tally := Tally())
        tally.count(ENDED, EXTRACTION, "done")
        assert not await teller.now()
        tally.count(ENDED, EXTRACTION, "done")
        assert tally.taken() == {(ENDED.name, EXTRACTION, "done"): 1.0}


async def test_what_is_no_total_is_passed_over_and_replaced(store: TaskStore) -> None:
    """Whoever can write to Redis can write anything there."""
    field = f"{ENDED.name}|{EXTRACTION}|done"
    await store.redis.hset(TOTALS, mapping={field: "much", "x": "nan", "y": "-1", b"\xff": "1"})  # type: ignore[misc]
    assert set(await totals(store)) == {("\N{REPLACEMENT CHARACTER}",)}
    await told(store)
    assert (await totals(store))[ENDED.name, EXTRACTION, "done"] == 2.0


async def test_the_last_hour_by_the_minute(store: TaskStore) -> None:
    """What has ended now stands in the last minute or, when that is just over, in the one before."""
    await told(store)
    await told(store)
    hour = await last_hour(store)
    assert len(hour) == MINUTES
    assert [minute.start for minute in hour] == [hour[0].start + 60 * n for n in range(MINUTES)]
    assert sum(minute.tasks for minute in hour[-3:]) == 4
    assert sum(minute.audio_seconds for minute in hour[-3:]) == pytest.approx(25.0)
    assert not any(minute.tasks for minute in hour[:-3])


@pytest.mark.parametrize("kept", ["1 7 7.0", "rubbish", "", "1 2", "-1 -1 -1", "9" * 30 + " 1 1.0"])
async def test_an_hour_that_is_over_is_forgotten(store: TaskStore, kept: str) -> None:
    """Its places are those of the next hour; so are those of whatever is no minute."""
    await store.redis.hset(THROUGHPUT, mapping={str(place): kept for place in range(MINUTES)})  # type: ignore[misc]
    assert not any(minute.tasks for minute in await last_hour(store))
    await told(store)
    assert sum(minute.tasks for minute in await last_hour(store)) == 2


def test_threads_count_side_by_side() -> None:
    """Nothing is lost."""
    tally = Tally()

    def count() -> None:
        for _ in range(2000):
            tally.count(ENDED, EXTRACTION, "done")
            tally.observe(QUEUE_WAIT, 1.0, EXTRACTION)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = tally.taken()
    assert taken[ENDED.name, EXTRACTION, "done"] == taken[QUEUE_WAIT.name, EXTRACTION, "sum"] == 8000
    assert tally.taken() == {}


@pytest.mark.parametrize("technology", ["", "made-up", EXTRACTION])
def test_labels_are_known_words(technology: str) -> None:
    """A technology that is none of ours becomes no label; a task that ends a second time is not counted."""
    tell = counted(tally := Tally(), untold)
    ended = TaskRecord("id", technology, 1).refused(TaskState.FAILED, {})
    tell(ended)
    tell(ended, again=True)
    assert tally.taken() == {(ENDED.name, technology if technology == EXTRACTION else "unknown", "failed"): 1.0}
