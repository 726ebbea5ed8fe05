"""Rates on a real Redis: as many tasks in a minute as were promised, and room that grows back."""

import asyncio

import pytest

from schemas.errors import RateLimited
from tasks.rates import Rate, Rates
from tasks.store import TaskStore

A_MINUTE = 60_000_000


async def later(store: TaskStore, caller: bytes, seconds: float) -> None:
    """Lets `seconds` pass for the caller, by moving back what is kept of it."""
    key = f"voiceprint:rate:{caller.hex()}"
    whole = await store.redis.get(key)
    assert whole is not None
    await store.redis.set(key, int(whole) - round(seconds * 1e6), px=60_000)


async def refused(rates: Rates, caller: bytes, limit: int) -> RateLimited:
    with pytest.raises(RateLimited) as raised:
        await rates.take(caller, limit)
    return raised.value


async def test_the_limit_may_be_used_at_once(store: TaskStore) -> None:
    """Of five in a minute five are let in, told how many are left, and the sixth is refused."""
    rates = Rates(store.redis)
    assert [(await rates.take(b"a", 5)).remaining for _ in range(5)] == [4, 3, 2, 1, 0]
    refusal = await refused(rates, b"a", 5)
    assert refusal.http_status == 429
    assert refusal.headers == {
        "Retry-After": "12",
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "60",
    }


async def test_room_grows_back(store: TaskStore) -> None:
    """After the time of one task there is room for one, after a minute for all of them."""
    rates = Rates(store.redis)
    for _ in range(5):
        await rates.take(b"a", 5)
    await later(store, b"a", 12)
    assert (await rates.take(b"a", 5)).remaining == 0
    await refused(rates, b"a", 5)
    await later(store, b"a", 60)
    assert (await rates.take(b"a", 5)).remaining == 4


async def test_coming_back_as_told_is_soon_enough(store: TaskStore) -> None:
    """After `Retry-After` seconds the next task is let in, and a second before it is not."""
    rates = Rates(store.redis)
    await rates.take(b"a", 1)
    seconds = int((await refused(rates, b"a", 1)).headers["Retry-After"])
    await later(store, b"a", seconds - 1)
    assert (await refused(rates, b"a", 1)).headers["Retry-After"] == "1"
    await later(store, b"a", 1)
    await rates.take(b"a", 1)


async def test_a_refusal_counts_nothing(store: TaskStore) -> None:
    """Who keeps asking does not wait longer for it."""
    rates = Rates(store.redis)
    await rates.take(b"a", 1)
    for _ in range(50):
        assert (await refused(rates, b"a", 1)).headers["Retry-After"] == "60"
    assert await store.redis.pttl(f"voiceprint:rate:{b'a'.hex()}") <= 60_000


async def test_looking_counts_nothing(store: TaskStore) -> None:
    """How it stands can be asked at any time, also when there is no room."""
    rates = Rates(store.redis)
    assert await rates.look(b"a", 2) == Rate(2, 2, 0)
    assert await store.redis.keys() == []
    await rates.take(b"a", 2)
    assert await rates.look(b"a", 2) == Rate(2, 1, 30)
    await rates.take(b"a", 2)
    assert await rates.look(b"a", 2) == Rate(2, 0, 60)


async def test_callers_do_not_share(store: TaskStore) -> None:
    """One that has used its room takes none of another's."""
    rates = Rates(store.redis)
    await rates.take(b"a", 1)
    await refused(rates, b"a", 1)
    await rates.take(b"b", 1)


async def test_processes_share(store: TaskStore, redis_url: str) -> None:
    """Of thirty at once through two connections exactly ten are let in."""
    async with TaskStore.open(redis_url) as other:
        rates = [Rates(one.redis) for one in (store, other)]
        answers = await asyncio.gather(*(rates[n % 2].take(b"a", 10) for n in range(30)), return_exceptions=True)
    assert sorted(answer.remaining for answer in answers if isinstance(answer, Rate)) == list(range(10))
    assert sum(isinstance(answer, RateLimited) for answer in answers) == 20


@pytest.mark.parametrize("limit", [1, 3, 7, 60, 1000, 100_000])
async def test_any_limit_is_kept_to_the_task(store: TaskStore, limit: int) -> None:
    """What a minute is divided into need be no whole number."""
    rates = Rates(store.redis)
    assert (await rates.take(b"a", limit)).remaining == limit - 1
    # As if all but one of the others had come at the same time.
    key = f"voiceprint:rate:{b'a'.hex()}"
    seconds, microseconds = await store.redis.time()
    whole = int(await store.redis.get(key) or seconds * 1_000_000 + microseconds) + round(
        (limit - 1) * A_MINUTE / limit
    )
    await store.redis.set(key, whole, px=60_000)
    left = await rates.look(b"a", limit)
    assert left.remaining == 0 or limit > 60  # some have grown back by now


async def test_what_does_not_matter_any_more_is_forgotten(store: TaskStore) -> None:
    """Nothing is kept of a caller longer than until its room is whole."""
    rates = Rates(store.redis)
    await rates.take(b"a", 60)
    assert 0 < await store.redis.pttl(f"voiceprint:rate:{b'a'.hex()}") <= 1000
