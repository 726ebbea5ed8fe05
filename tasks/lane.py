"""The way to Redis that many callers share.

Redis waits for its disk once for all that it has read at a time. What is asked here at one moment is sent as one write,
and nobody waits for the answers of others before they ask: a thousand callers cost a few waits.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tasks.connection import BROKEN
from tasks.line import Line, Place

Words = Sequence[Any]


class Lane:
    """Calls to `redis`, `scripts` by their names among them, each of which may be repeated: so it is when a connection
    breaks. Raises what redis-py does, and asyncio.CancelledError in whose case the call may be made all the same."""

    def __init__(self, redis: Redis, scripts: Mapping[str, str] | None = None) -> None:
        given = redis.connection_pool.connection_kwargs
        self._retry: Retry = given["retry"]
        self._patience: float = given["socket_timeout"]
        self._place = Place(redis.connection_pool)
        self._scripts = scripts or {}
        # As Redis calls them.
        self._names = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in self._scripts.items()}  # noqa: S324
        self._line: _Calls | None = None
        self._opening: asyncio.Task[_Calls] | None = None

    async def run(self, script: str, keys: Sequence[str | bytes], arguments: Sequence[Any]) -> Any:
        """What the script of that name answers."""
        given = (len(keys), *keys, *arguments)
        try:
            return await self.call("EVALSHA", self._names[script], *given)
        except NoScriptError:
            # Redis was started anew, or has never heard of it; from now on it knows it.
            return await self.call("EVAL", self._scripts[script], *given)

    async def call(self, *words: Any) -> Any:
        """What the command answers, as Redis says it."""
        [answer] = await self.calls(words)
        return answer

    async def calls(self, *commands: Words) -> list[Any]:
        """What each of the commands answers; all of them are made, one after the other, though perhaps with those of
        others in between. Raises the first error among the answers."""
        line = self._line
        if line is not None and not line.broken:
            try:
                return _checked(await line.asked(commands))
            except BROKEN:
                pass  # begun anew, on another line
        await self._opened()
        answers: list[Any] = await self._retry.call_with_retry(lambda: self._answers(commands), _left_to_opening)
        return answers

    async def _answers(self, commands: Sequence[Words]) -> list[Any]:
        line = self._line if self._line and not self._line.broken else await self._opened()
        return _checked(await line.asked(commands))

    async def _opened(self) -> "_Calls":
        """The line, opened anew if there is none; whoever asks meanwhile waits for the same, and fails with it."""
        if self._line is not None and not self._line.broken:
            return self._line
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._done)
        return await asyncio.shield(self._opening)

    async def _open(self) -> "_Calls":
        self._line = await self._place.opened(lambda transport: _Calls(transport, self._patience))
        return self._line

    def _done(self, opening: asyncio.Task["_Calls"]) -> None:
        self._opening = None
        if not opening.cancelled():
            # Whoever waited may have gone: then nobody else asks what became of it.
            opening.exception()


def _checked(answers: list[Any]) -> list[Any]:
    """Raises the first error among them."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


async def _left_to_opening(_: Exception) -> None:
    """A line that has broken is noticed by the next who opens it."""


@dataclass(slots=True)
class _Asked:
    commands: int
    at: float
    answer: "asyncio.Future[list[Any]]"
    answers: list[Any] = field(default_factory=list)


class _Calls(Line):
    """Answers come in the order in which it was asked. A line on which one is missing for `patience` seconds is given
    up."""

    def __init__(self, transport: asyncio.Transport, patience: float) -> None:
        super().__init__(transport)
        self._patience = patience
        self._waiting: deque[_Asked] = deque()
        self._watch: asyncio.TimerHandle | None = None

    def asked(self, commands: Sequence[Words]) -> "asyncio.Future[list[Any]]":
        """The answers to all of them, errors among them."""
        asked = _Asked(len(commands), self._loop.time(), self._loop.create_future())
        self.send(commands)
        self._waiting.append(asked)
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience, self._look)
        return asked.answer

    def _look(self) -> None:
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0].at + self._patience - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self.hang_up(RedisTimeoutError("Redis does not answer"))

    def heard(self, answer: Any) -> None:
        asked = self._waiting[0]
        asked.answers.append(answer)
        if len(asked.answers) == asked.commands:
            self._waiting.popleft()
            # Who asked may have gone.
            if not asked.answer.done():
                asked.answer.set_result(asked.answers)

    def lost(self, error: Exception) -> None:
        if self._watch is not None:
            self._watch.cancel()
        for asked in self._waiting:
            if not asked.answer.done():
                asked.answer.set_exception(error)
        self._waiting.clear()
