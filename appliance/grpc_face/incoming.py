"""The messages of a call as its client sends them: one at a time, and none of them late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from schemas.errors import Refusal, RequestTimeout

# A client that sends nothing for this long is not slow but gone.
STALL_SECONDS = 30.0
# Over so much waiting a call must have sent at its least rate: one that drips holds a place that others want.
PACE_SECONDS = 60.0
_LINGERING_SECONDS = 0.5

_M = TypeVar("_M")


class Incoming(Generic[_M]):
    """Reads no further ahead than it is asked to, so a client cannot send faster than its messages are used.

    The context is the call's work with them.
    """

    def __init__(self, messages: AsyncIterator[_M], *, seconds: float | None = None, least_rate: float = 0.0) -> None:
        """`seconds` bounds the time in which all messages must have come; `least_rate` is the slowest at which they may
        come, in bytes a second."""
        self._messages = aiter(messages)
        self._seconds = seconds
        self._end = None if seconds is None else asyncio.get_running_loop().time() + seconds
        self._first: _M | None = None
        # A task of its own: grpc.aio's stream is over once whoever waits for the next message gives up.
        self._reading: asyncio.Task[_M | None] | None = None
        self._asked = 0.0
        self._least_rate = least_rate
        self._waited, self._bytes = 0.0, 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Refusal):
            await self.linger()
        self._give_up()

    async def linger(self) -> None:
        """Reads and drops what still comes, for a moment: some clients lose a status that arrives while they send."""
        limit = asyncio.get_running_loop().time() + _LINGERING_SECONDS
        with suppress(Refusal, TimeoutError):
            while await self._read(limit) is not None:
                pass

    async def first(self) -> _M | None:
        """The message that comes next, which still is to come afterwards. Raises RequestTimeout."""
        if self._first is None:
            self._first = await self.next()
        return self._first

    async def quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long, neither a message nor the end. What comes is next."""
        if self._first is not None:
            return False
        reading = self._begun()
        await asyncio.wait((reading,), timeout=seconds)
        return not reading.done()

    async def next(self) -> _M | None:
        """The next message, None when there is none. Raises RequestTimeout when the client stands still, is too slow or
        takes too long in all."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        self._begun()
        limit = self._asked + STALL_SECONDS
        try:
            came = await self._read(limit if self._end is None else min(limit, self._end))
        except TimeoutError as error:
            if self._end is not None and self._end < limit:
                raise RequestTimeout(f"the call did not send everything within {self._seconds:g} s") from error
            raise RequestTimeout(
                f"the call stood still: nothing came for {STALL_SECONDS:g} s, and its end was not told either"
            ) from error
        if came is not None and self._least_rate:
            self._require_pace(came)
        return came

    def _require_pace(self, message: Any) -> None:
        """Counts only the time in which the client was waited for."""
        self._waited += asyncio.get_running_loop().time() - self._asked
        self._bytes += message.ByteSize()
        if self._waited < PACE_SECONDS:
            return
        if self._bytes < self._least_rate * self._waited:
            raise RequestTimeout(
                f"the call is too slow: {self._bytes} bytes came in {self._waited:.0f} s, and it takes"
                f" {self._least_rate:g} a second at least"
            )
        self._waited, self._bytes = 0.0, 0

    async def _read(self, limit: float) -> _M | None:
        """The next message, None when there is none. Raises TimeoutError at `limit`, in seconds of the loop."""
        reading = self._begun()
        try:
            async with asyncio.timeout_at(limit):
                message = await reading
        except BaseException:
            # Nobody else waits for it.
            self._give_up()
            raise
        self._reading = None
        return message

    def _begun(self) -> "asyncio.Task[_M | None]":
        if self._reading is None:
            self._asked = asyncio.get_running_loop().time()
            self._reading = asyncio.create_task(self._received())
        return self._reading

    async def _received(self) -> _M | None:
        return await anext(self._messages, None)

    def _give_up(self) -> None:
        if (reading := self._reading) is not None:
            reading.cancel()
            # Told to nobody: whoever wanted it is gone.
            reading.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            self._reading = None
