"""The messages of a call as its client sends them: one at a time, and none of them late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, Self, TypeVar

from schemas.errors import Refusal, RequestTimeout

# A client that sends nothing for this long is not slow but gone.
STALL_SECONDS = 30.0
_LINGERING_SECONDS = 0.5

_M = TypeVar("_M")


class Incoming(Generic[_M]):
    """Reads no further ahead than it is asked to, so a client cannot send faster than its messages are used.

    The context is the call's work with them.
    """

    def __init__(self, messages: AsyncIterator[_M], *, seconds: float | None = None) -> None:
        """`seconds` bounds the time in which all messages must have come."""
        self._messages = aiter(messages)
        self._seconds = seconds
        self._end = None if seconds is None else asyncio.get_running_loop().time() + seconds
        self._first: _M | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Refusal):
            await self.linger()

    async def linger(self) -> None:
        """Reads and drops what still comes, for a moment: some clients lose a status that arrives while they send."""
        with suppress(Refusal, TimeoutError):
            async with asyncio.timeout(_LINGERING_SECONDS):
                async for _ in self._messages:
                    pass

    async def first(self) -> _M | None:
        """The message that comes next, which still is to come afterwards. Raises RequestTimeout."""
        if self._first is None:
            self._first = await self.next()
        return self._first

    async def next(self, patience: float | None = None) -> _M | None:
        """The next message; None when there is none, or none within `patience` seconds.

        Raises RequestTimeout when the client stands still or takes too long in all.
        """
        if self._first is not None:
            message, self._first = self._first, None
            return message
        now = asyncio.get_running_loop().time()
        limit = now + (STALL_SECONDS if patience is None else patience)
        try:
            async with asyncio.timeout_at(limit if self._end is None else min(limit, self._end)):
                return await anext(self._messages)
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            if patience is not None:
                return None
            if self._end is not None and self._end < limit:
                raise RequestTimeout(f"the call did not send everything within {self._seconds:g} s") from error
            raise RequestTimeout(
                f"the call stood still: nothing came for {STALL_SECONDS:g} s, and its end was not told either"
            ) from error
