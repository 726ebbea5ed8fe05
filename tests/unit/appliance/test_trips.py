"""Trips to a thread: each has its own answer, whoever else was on it."""

import asyncio
import threading

import pytest

from appliance.trips import Trips


async def test_those_of_one_moment_go_together() -> None:
    """What is asked at one moment is done in few threads' turns, and each gets what its own work returned."""
    trips = Trips()
    answers = await asyncio.gather(*(trips.made(lambda n=n: (n, threading.get_ident())) for n in range(16)))  # type: ignore[misc]
    assert [number for number, _ in answers] == list(range(16))
    assert len({thread for _, thread in answers}) == 1
    assert threading.get_ident() not in {thread for _, thread in answers}


async def test_a_fault_is_its_own_callers() -> None:
    """What one piece of work raises, its caller is told, and nobody else."""
    trips = Trips()

    def broken() -> int:
        raise ValueError("of its own")

    first, second = await asyncio.gather(trips.made(broken), trips.made(lambda: 2), return_exceptions=True)
    assert isinstance(first, ValueError)
    assert second == 2


async def test_who_goes_away_leaves_the_others() -> None:
    """A caller that is cancelled takes no answer with it."""
    trips, begun, may_end = Trips(), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        may_end.wait()
        return 1

    gone, stays = asyncio.create_task(trips.made(slow)), asyncio.create_task(trips.made(lambda: 2))
    await asyncio.to_thread(begun.wait)
    gone.cancel()
    may_end.set()
    assert await stays == 2
    with pytest.raises(asyncio.CancelledError):
        await gone
