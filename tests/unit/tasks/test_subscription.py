"""Hearing what is published, from a real Redis."""

import asyncio

import pytest
from redis.exceptions import NoPermissionError

from tasks import subscription as hearing
from tasks.line import Place
from tasks.store import TaskStore
from tasks.subscription import Subscription
from tests.patience import PATIENCE, eventually

CHANNEL = "channel"


async def test_all_that_is_published_is_told(store: TaskStore) -> None:
    """What comes after it has begun is told in its order, and nothing of it is a connection's talk about itself."""
    told: list[bytes] = []
    place = Place(store.redis.connection_pool)
    heard = await place.opened(lambda transport: Subscription(transport, CHANNEL, told.append))
    await heard.begun()
    for number in range(100):
        await store.lane.call("PUBLISH", CHANNEL, number)
    await eventually(lambda: len(told) >= 100)
    assert told == [b"%d" % number for number in range(100)]
    await place.left()
    async with asyncio.timeout(PATIENCE):
        await heard.gone.wait()


async def test_it_asks_whether_redis_is_still_there(store: TaskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is published it stays, and asks, as often as it should."""
    monkeypatch.setattr(hearing, "_ASK_SECONDS", 0.01)
    told: list[bytes] = []
    place = Place(store.redis.connection_pool)
    heard = await place.opened(lambda transport: Subscription(transport, CHANNEL, told.append))
    await heard.begun()

    async def asked() -> bool:
        return bool((await store.redis.info("commandstats")).get("cmdstat_ping", {"calls": 0})["calls"] > 3)

    await eventually(asked)
    assert not heard.gone.is_set()
    assert told == []
    await place.left()


async def test_who_may_not_hear_is_told(store: TaskStore) -> None:
    """A user of Redis who may not subscribe learns why."""
    await store.redis.acl_setuser("mute", enabled=True, nopass=True, commands=["+@all", "-subscribe"], reset=True)
    own = TaskStore.open(_as_user(store))
    async with own:
        place = Place(own.redis.connection_pool)
        heard = await place.opened(lambda transport: Subscription(transport, CHANNEL, lambda _: None))
        with pytest.raises(NoPermissionError):
            await heard.begun()
    await store.redis.acl_deluser("mute")


def _as_user(store: TaskStore) -> str:
    given = store.redis.connection_pool.connection_kwargs
    return f"unix://mute@{given['path']}" if "path" in given else f"redis://mute@{given['host']}:{given['port']}"
