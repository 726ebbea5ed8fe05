"""What a process does again and again, beside its work."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from schemas.errors import Overloaded, StorageFull

log = logging.getLogger(__name__)

# What looks at everything costs the more the more there is: it rests so many times as long as it took, up to so many
# seconds.
_RESTS, _LONGEST_REST_SECONDS = 30.0, 60.0
# Who was a moment late for one beat waits for the next.
_GRAIN = 0.1
# What is under way when it is no longer needed gets so long.
_STOP_SECONDS = 0.5


async def every(
    seconds: float, name: str, duty: Callable[[], Awaitable[object]], ended: asyncio.Event, *, costly: bool = False
) -> None:
    """Does `duty` until `ended` is set; whatever goes wrong is told with the duty's `name`, and it is tried again. One
    that is `costly` more seldom, where it takes long.

    After the first time it is done at the moments of `following`.
    """
    clock = asyncio.get_running_loop().time
    while not ended.is_set():
        began = clock()
        try:
            await duty()
        except (Overloaded, StorageFull) as error:
            log.debug("%s: %s", name, error.message)
        except Exception as error:
            log.error("%s: %s: %s", name, type(error).__name__, error)
        now = clock()
        rest = min(_RESTS * (now - began), _LONGEST_REST_SECONDS) if costly else 0.0
        with suppress(TimeoutError):
            async with asyncio.timeout_at(following(seconds, now + rest)):
                await ended.wait()


def following(seconds: float, now: float) -> float:
    """The next moment of those that come every so many `seconds` on the clock that all processes of a machine share.

    They are woken together by them, and a machine that has nothing else to do sleeps in between.
    """
    return seconds * math.ceil(now / seconds + _GRAIN)


@asynccontextmanager
async def kept(seconds: float, name: str, duty: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Does `duty` every so many seconds, from the beginning of the context to its end."""
    ended = asyncio.Event()
    doing = asyncio.create_task(every(seconds, name, duty, ended))
    try:
        yield
    finally:
        # A cancellation alone would not do: redis-py swallows one now and then.
        ended.set()
        await asyncio.wait((doing,), timeout=_STOP_SECONDS)
        doing.cancel()
