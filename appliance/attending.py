"""What every face of the appliance does beside its work: looks who is alive, and tells what it has counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tasks.duties import kept
from tasks.metrics.telling import TELL_SECONDS, Teller
from tasks.workforce import HEARTBEAT_SECONDS, Workforce

# A stop takes no longer, whatever Redis does.
_STOP_SECONDS = 0.5


@asynccontextmanager
async def attending(workforce: Workforce, teller: Teller) -> AsyncIterator[None]:
    """Both, from the beginning of the context to its end: who is alive is seen by looking steadily."""
    async with kept(HEARTBEAT_SECONDS, "watching the workers", workforce.depth), telling(teller):
        yield


@asynccontextmanager
async def telling(teller: Teller) -> AsyncIterator[None]:
    """For a face that looks anyway. The rest is told at the end of the context."""
    async with kept(TELL_SECONDS, "telling what was counted", teller.now):
        yield
    with suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await teller.now()
