"""Who is still to be told that a task has ended: kept in Redis for all senders, each callback with one at a time.

`voiceprint:callbacks` holds the ids of tasks by when their callback is due, in milliseconds of Redis's clock; while it
is being sent, that is the end of the sender's lease. The end of a lease is also its fence: it differs from that of
every other lease on the same callback. `voiceprint:callback-failures:<id>` counts the attempts that failed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tasks.connection import redis_errors
from tasks.keys import CALLBACKS, RECORD

# Longer than an attempt takes, with what Redis adds; a sender that died holds a callback up for so long.
LEASE_SECONDS = 30.0
_FAILURES = "voiceprint:callback-failures:"
# More than any callback is put off by.
_LONGEST_SECONDS = 7200.0
# Redis does nothing else meanwhile.
_DROPPED_AT_ONCE = 1000


def failures_key(task_id: str) -> str:
    return _FAILURES + task_id


@dataclass(frozen=True, slots=True)
class DueCallback:
    """A callback that is this sender's until `leased_until_ms`; telling it has failed `failures` times."""

    task_id: str
    leased_until_ms: int
    failures: int


class CallbackQueue:
    """The callbacks of tasks that have ended. Every method raises Overloaded while Redis cannot be reached."""

    def __init__(self, redis: Redis, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._redis = redis
        self._lease_seconds = lease_seconds
        folder = Path(__file__).parent
        self._take = redis.register_script((folder / "take_callback.lua").read_text())
        self._put_off = redis.register_script((folder / "put_off_callback.lua").read_text())

    async def take(self) -> DueCallback | float:
        """A callback that is due; when none is, the seconds until one will be, infinite when none waits."""
        async with redis_errors():
            times = int(self._lease_seconds * 1000), int(_LONGEST_SECONDS * 1000)
            answer: list[Any] = await self._take(
                keys=[CALLBACKS], args=[times[0], RECORD, _FAILURES, _DROPPED_AT_ONCE, times[1]]
            )
        if answer[0]:
            return DueCallback(answer[0].decode(), *answer[1:])
        return answer[1] / 1000 if answer[1] >= 0 else float("inf")

    async def delivered(self, due: DueCallback) -> None:
        """There is nothing more to tell. It counts even after the lease: a callback that was sent was sent."""
        async with redis_errors(), self._redis.pipeline() as pipe:
            pipe.zrem(CALLBACKS, due.task_id)
            pipe.delete(failures_key(due.task_id))
            await pipe.execute()

    async def again(self, due: DueCallback, seconds: float) -> bool:
        """It failed, and is due again in so many seconds. False when it is no longer this sender's, or was erased."""
        return await self._later(due, seconds, failed=True)

    async def give_back(self, due: DueCallback, seconds: float = 0.0) -> bool:
        """Nothing was tried; it is due in so many seconds. False when it is no longer this sender's, or was erased."""
        return await self._later(due, seconds, failed=False)

    async def _later(self, due: DueCallback, seconds: float, *, failed: bool) -> bool:
        keys = [CALLBACKS, failures_key(due.task_id), RECORD + due.task_id]
        async with redis_errors():
            changed = await self._put_off(
                keys=keys, args=[due.task_id, due.leased_until_ms, int(seconds * 1000), int(failed)]
            )
        return bool(changed)
