"""Hearing what is published in Redis."""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.exceptions import TimeoutError as RedisTimeoutError

from tasks.line import Line

# How often it is asked whether Redis is still there, and how long that may take: nothing else would tell that a network
# has gone.
_ASK_SECONDS, _PATIENCE_SECONDS = 30.0, 5.0


class Subscription(Line):
    """Calls `told` with all that is published on `channel` after it has `begun` and until it is `gone`."""

    def __init__(self, transport: asyncio.Transport, channel: str, told: Callable[[bytes], object]) -> None:
        super().__init__(transport)
        self._told = told
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self.gone = asyncio.Event()
        self._ask("SUBSCRIBE", channel)

    async def begun(self) -> None:
        """Raises what redis-py does when it does not come to that."""
        await self._begun

    def _ask(self, *words: str) -> None:
        self.send([words])
        silence = RedisTimeoutError("Redis does not answer")
        self._timer = self._loop.call_later(_PATIENCE_SECONDS, self.hang_up, silence)

    def heard(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            self.hang_up(answer)
            return
        if answer[0] == b"message":
            self._told(answer[-1])
            return
        if not self._begun.done():
            self._begun.set_result(None)
        self._timer.cancel()
        self._timer = self._loop.call_later(_ASK_SECONDS, self._ask, "PING")

    def lost(self, error: Exception) -> None:
        self._timer.cancel()
        self.gone.set()
        if not self._begun.done():
            self._begun.set_exception(error)
