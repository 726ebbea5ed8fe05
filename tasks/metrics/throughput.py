"""What was done in the last hour, by the minute: kept by `tell.lua` in a place for each minute of an hour."""

from dataclasses import dataclass

from tasks.connection import redis_errors
from tasks.keys import THROUGHPUT
from tasks.store import TaskStore

MINUTES = 60


@dataclass(frozen=True, slots=True)
class Minute:
    """How many tasks have ended in the minute that began at `start`, in seconds since 1970 UTC, and how many seconds of
    audio were listened to."""

    start: int
    tasks: int
    audio_seconds: float


async def last_hour(store: TaskStore) -> list[Minute]:
    """The last 60 minutes by the clock of Redis, the oldest first; the last one is not over. Raises Overloaded."""
    async with redis_errors():
        flat, (seconds, _) = await store.lane.calls(("HGETALL", THROUGHPUT), ("TIME",))
    kept = dict(minute for told in flat[1::2] if (minute := _read(told)))
    now = int(seconds) // 60
    return [Minute(60 * one, *kept.get(one, (0, 0.0))) for one in range(now - MINUTES + 1, now + 1)]


def _read(told: bytes) -> tuple[int, tuple[int, float]] | None:
    try:
        minute, tasks, audio = told.split()
        return int(minute), (int(tasks), float(audio))
    except ValueError:
        # Whoever wrote that is no process of ours.
        return None
