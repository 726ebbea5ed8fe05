"""Many callers, one way to a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from tasks.lane import Lane
from tasks.store import TaskStore
from tests.own_redis import OwnRedis
from tests.patience import PATIENCE

SCRIPTS = {"echo": "return ARGV[1] .. KEYS[1]", "add": "return redis.call('INCRBY', KEYS[1], ARGV[1])"}


@pytest.fixture
def lane(store: TaskStore) -> Lane:
    return Lane(store.redis, SCRIPTS)


@pytest.fixture
async def own_lane(own_redis: OwnRedis) -> AsyncIterator[Lane]:
    async with TaskStore.open(own_redis.url) as store:
        yield Lane(store.redis, SCRIPTS)


async def test_everybody_gets_their_own_answer(lane: Lane, store: TaskStore) -> None:
    """A thousand calls at one moment are answered each with its own, and Redis reads far fewer times than that."""
    before = (await store.redis.info("stats"))["total_reads_processed"]
    echoed = [lane.run("echo", [f"{n}"], ["number "]) for n in range(500)]
    missing = [lane.call("GET", f"no such key {n}") for n in range(500)]
    answers = await asyncio.gather(*echoed, *missing)
    assert answers == [*(f"number {n}".encode() for n in range(500)), *[None] * 500]
    assert (await store.redis.info("stats"))["total_reads_processed"] - before < 200


async def test_an_error_is_its_callers_alone(lane: Lane, store: TaskStore) -> None:
    """A call that Redis refuses raises, and those that went with it are made."""
    await store.redis.set("word", "no number")
    calls = [lane.run("add", [key], [1]) for key in ("count", "word", "count")]
    first, second, third = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, third) == (1, 2)
    assert isinstance(second, ResponseError)


async def test_scripts_that_redis_forgets_are_told_again(lane: Lane, store: TaskStore) -> None:
    """However many call a script that Redis does not know any more, each is answered."""
    assert await lane.run("echo", ["1"], [""]) == b"1"
    await store.redis.script_flush()
    answers = await asyncio.gather(*(lane.run("echo", [f"{n}"], [""]) for n in range(100)))
    assert answers == [f"{n}".encode() for n in range(100)]


async def test_who_goes_away_disturbs_nobody(lane: Lane) -> None:
    """A caller that is cancelled, before or while its call is under way, takes no answer from another."""
    callers = [asyncio.create_task(lane.run("add", ["count"], [1])) for _ in range(200)]
    callers[0].cancel()
    await asyncio.sleep(0)
    for caller in callers[10:100:10]:
        caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    numbers = [answer for answer in answers if isinstance(answer, int)]
    assert len(numbers) == len(set(numbers)) >= 190


async def test_who_is_cancelled_goes(lane: Lane) -> None:
    """At whatever step of the call: nobody waits on for a client that has left."""
    for steps in range(50):
        for _ in range(5):
            caller = asyncio.create_task(lane.call("PING"))
            for _ in range(steps):
                await asyncio.sleep(0)
            if not caller.done():
                caller.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await caller


async def test_who_was_cancelled_before_is_answered(lane: Lane) -> None:
    """What somebody does on the way out is done."""

    async def caller() -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await lane.run("echo", ["1"], ["on the way out "])
        return None

    asked = asyncio.create_task(caller())
    await asyncio.sleep(0)
    asked.cancel()
    assert await asked == b"on the way out 1"


async def test_an_outage_is_told_to_all(own_redis: OwnRedis, own_lane: Lane) -> None:
    """While Redis is not there every call raises, those that have come meanwhile too; afterwards all are answered."""
    assert await own_lane.call("PING") in {b"PONG", True}
    own_redis.stop()
    calls = [asyncio.create_task(own_lane.call("GET", "key")) for _ in range(300)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, RedisConnectionError) for error in errors)
    own_redis.start()
    await own_redis.ready()
    assert await asyncio.gather(*(own_lane.call("GET", "key") for _ in range(300))) == [None] * 300


async def test_nobody_is_left_behind(lane: Lane) -> None:
    """Callers who ask again the moment they are answered are answered, though nobody asks after them."""

    async def caller() -> None:
        for number in range(20):
            assert await lane.run("echo", [f"{number}"], [""]) == f"{number}".encode()

    async with asyncio.timeout(PATIENCE):
        for callers in range(2, 300):
            await asyncio.gather(*(caller() for _ in range(2 + callers % 7)))
