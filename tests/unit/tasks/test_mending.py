"""Keys of ours that somebody else wrote over."""

import pytest

from schemas.errors import Overloaded
from tasks.keys import INPUT_BYTES, OPEN, SEQUENCE
from tasks.mending import KINDS, mend
from tasks.store import TaskStore
from tasks.workforce import Capabilities, Workforce
from tests.unit.tasks.made_tasks import claimed, done, submitted

NAMES = sorted(KINDS)


async def test_nothing_of_ours_is_deleted(store: TaskStore, workforce: Workforce) -> None:
    """With tasks that wait, run and have ended, and a worker, every key is as it should be."""
    await workforce.heartbeat("a-worker", Capabilities(("ge2e",)))
    await submitted(store)
    await claimed(store)
    await done(store)
    before = {key: await store.redis.dump(key) for key in await store.redis.keys()}
    assert await mend(store) == []
    assert {key: await store.redis.dump(key) for key in await store.redis.keys()} == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "command", [("SET", "x"), ("RPUSH", "x"), ("HSET", "x", "y"), ("SADD", "x"), ("ZADD", "1", "x")]
)
async def test_another_type_is_deleted(store: TaskStore, name: str, command: tuple[str, ...]) -> None:
    """And nothing else with it, so that the next task can be submitted, done and counted."""
    task = await submitted(store)
    await store.redis.delete(name)
    await store.redis.execute_command(command[0], name, *command[1:])  # type: ignore[no-untyped-call]
    fits = {"SET": "string", "RPUSH": "list", "HSET": "hash", "ZADD": "zset"}.get(command[0]) == KINDS[name]
    assert await mend(store) == ([] if fits else [name])
    assert await store.fetch(task.task_id) == task
    if not fits:
        await done(store)


@pytest.mark.parametrize("name", [INPUT_BYTES, SEQUENCE])
@pytest.mark.parametrize("value", ["abc", "", "1.5", "nan", "inf", str((1 << 63) - 1), str(-(1 << 60))])
async def test_a_counter_that_does_not_count_is_deleted(store: TaskStore, name: str, value: str) -> None:
    """It would stop every submission."""
    await store.redis.set(name, value)
    assert await mend(store) == [name]
    await submitted(store)


async def test_until_then_it_is_no_fault_of_ours(store: TaskStore, workforce: Workforce) -> None:
    """Who meets it is asked to come again."""
    await store.redis.set(OPEN, "x")
    with pytest.raises(Overloaded) as refused:
        await submitted(store)
    assert refused.value.headers["Retry-After"]
    with pytest.raises(Overloaded):
        await workforce.depth()
