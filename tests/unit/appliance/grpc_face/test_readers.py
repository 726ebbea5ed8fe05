"""Who reads next, and who makes room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from appliance.grpc_face.readers import Patience, Readers
from schemas.errors import Overloaded, RequestTimeout
from tests.patience import PATIENCE


@asynccontextmanager
async def reading(readers: Readers, *callers: str) -> "AsyncIterator[list[asyncio.Task[None]]]":
    """Callers who came in this order and send nothing."""

    async def one(caller: str) -> None:
        async with readers.turn(caller):
            await asyncio.Event().wait()

    tasks = []
    for caller in callers:
        tasks.append(asyncio.create_task(one(caller)))
        await asyncio.sleep(0)
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_has_most_makes_room() -> None:
    """The oldest of the caller who has most, after its grace and no sooner than somebody waits."""
    readers = Readers(Patience(seconds=60, at_a_time=3, grace=0.05))
    async with reading(readers, "b", "a", "a") as (of_b, first, second):
        await asyncio.wait((of_b, first, second), timeout=0.1)
        assert not any(task.done() for task in (of_b, first, second))
        async with readers.turn("c"):
            assert [task.done() for task in (of_b, first, second)] == [False, True, False]
        with pytest.raises(RequestTimeout):
            await first


async def test_the_youngest_is_next() -> None:
    """Who has waited long has said nothing for long."""
    readers = Readers(Patience(seconds=60, at_a_time=1, grace=0.05))
    async with reading(readers, "a", "a", "a") as (_, waiting, _), readers.turn("b"):
        assert not waiting.done()


async def test_a_connection_of_its_own_is_not_waited_out() -> None:
    """From one address, another connection is next before those of one that reads already, though these are younger."""
    readers = Readers(Patience(seconds=60, at_a_time=2, grace=0.05))
    many, own = "ipv4:192.0.2.1:1000", "ipv4:192.0.2.1:1001"
    turn = asyncio.Event()

    async def once() -> None:
        async with readers.turn(own):
            turn.set()

    async with reading(readers, many, many):
        waiting = asyncio.create_task(once())
        await asyncio.sleep(0)
        async with reading(readers, many, many):
            await asyncio.wait_for(turn.wait(), PATIENCE)
        await waiting


async def test_only_so_many_wait() -> None:
    """The one that has waited longest gives up, and may come again."""
    readers = Readers(Patience(seconds=60, at_a_time=1, grace=60, waiting=1))
    async with reading(readers, "a", "a", "a") as (_, waiting, _):
        with pytest.raises(Overloaded):
            await waiting


async def test_nobody_waits_for_ever() -> None:
    """Not for a place either."""
    readers = Readers(Patience(seconds=0.1, at_a_time=1, grace=0.5))
    async with reading(readers, "a", "b") as (first, second):
        with pytest.raises(RequestTimeout):
            await first
        with pytest.raises(Overloaded):
            await second
