"""The way to Redis that many callers share.

Redis waits for its disk once for all that it has read at a time. What is asked here at one moment is sent as one write,
and what comes while that is under way with the next: a thousand callers cost a few waits, and one alone waits for
nobody.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

# How many may be under way at a time, and how much goes with each: somebody else may want an answer in between.
_WRITES, _CALLS = 2, 64


@dataclass(frozen=True, slots=True)
class _Call:
    words: Sequence[Any]
    answer: "asyncio.Future[Any]"

    def end(self, answer: Any) -> None:
        # Who asked may have gone.
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class Lane:
    """Calls to `redis`, `scripts` by their names among them, each of which may be repeated: so it is when a connection
    breaks. Raises what redis-py does, and asyncio.CancelledError in whose case the call may be made all the same."""

    def __init__(self, redis: Redis, scripts: Mapping[str, str]) -> None:
        self._redis = redis
        self._scripts = scripts
        # As Redis calls them.
        self._names = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in scripts.items()}  # noqa: S324
        self._waiting: list[_Call] = []
        # Somebody calls for themselves.
        self._alone = False
        self._sending: set[asyncio.Task[None]] = set()

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
        if not (self._alone or self._sending):
            return await self._call_alone(words)
        call = _Call(words, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if len(self._sending) < _WRITES:
            # It begins when whoever asks at this moment has asked.
            sending = asyncio.create_task(self._send())
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return await call.answer

    async def _call_alone(self, words: Sequence[Any]) -> Any:
        asking = cast("asyncio.Task[object]", asyncio.current_task())
        before = asking.cancelling()
        self._alone = True
        try:
            answer = await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            self._alone = False
        # redis-py loses one that comes while it writes, and who asked would go on: Python 3.11's wait_for does.
        if asking.cancelling() > before:
            raise asyncio.CancelledError
        return answer

    async def _send(self) -> None:
        try:
            await self._send_all()
        finally:
            # At once: until its callback ran, callers would leave their calls to one that looks for none any more.
            self._sending.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _send_all(self) -> None:
        while self._waiting:
            calls, self._waiting = self._waiting[:_CALLS], self._waiting[_CALLS:]
            try:
                answers = await self._answers(calls)
            except Exception as error:
                # Who has come meanwhile would wait as long for the same.
                calls, self._waiting = [*calls, *self._waiting], []
                answers = [error] * len(calls)
            except asyncio.CancelledError:
                for call in (*calls, *self._waiting):
                    call.answer.cancel()
                raise
            for call, answer in zip(calls, answers, strict=True):
                call.end(answer)

    async def _answers(self, calls: Sequence[_Call]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.execute_command(*call.words)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers
