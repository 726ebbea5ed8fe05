"""How many tasks a caller may submit in a minute, counted in Redis: the same for every process and every face.

The generic cell rate algorithm (ITU-T I.371): nothing is counted at the turn of a minute, a caller's room grows back
steadily, and one number per caller is kept for no longer than it matters.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from schemas.errors import RateLimited
from tasks.connection import redis_errors

_MICROSECONDS_PER_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What a caller is told of its rate: `remaining` tasks could be submitted at once; `reset_seconds` until it is all
    of `limit` again."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_seconds),
        }


class Rates:
    """So many tasks a minute for every caller, all at once or spread over it."""

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(Path(__file__).with_suffix(".lua").read_text())

    async def take(self, caller: bytes, limit: int) -> Rate:
        """Counts one task of `caller`, who may submit `limit` in a minute. Raises RateLimited, which says when to come
        back and counts nothing."""
        return await self._ask(caller, limit, cost=1)

    async def look(self, caller: bytes, limit: int) -> Rate:
        """How it stands with `caller`; counts nothing."""
        return await self._ask(caller, limit, cost=0)

    async def _ask(self, caller: bytes, limit: int, *, cost: int) -> Rate:
        arguments = [_MICROSECONDS_PER_MINUTE / limit, limit, cost]
        async with redis_errors():
            allowed, remaining, wait, reset = await self._script(
                keys=[f"voiceprint:rate:{caller.hex()}"], args=arguments
            )
        rate = Rate(limit, remaining, _seconds(reset))
        if not allowed:
            retry = max(1, _seconds(wait))
            raise RateLimited(
                f"more than {limit} tasks in a minute: the next may be submitted in {retry} s",
                headers={"Retry-After": str(retry), **rate.headers},
            )
        return rate


def _seconds(microseconds: int) -> int:
    return math.ceil(microseconds / 1_000_000)
