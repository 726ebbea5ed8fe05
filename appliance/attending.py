"""What every face of the appliance does beside its work: looks who is alive, and tells what it has counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tasks.duties import kept
from tasks.metrics.telling import Teller
from tasks.workforce import HEARTBEAT_SECONDS, Workforce

# A stop takes no longer, whatever Redis does.
_STOP_SECONDS = 0.5


@asynccontextmanager
async def attending(workforce: Workforce, teller: Teller) -> AsyncIterator[None]:
    """From the beginning of the context to its end, at which the rest is told."""

    async def look() -> None:
        # Who is alive is seen by looking steadily.
        await workforce.depth()
        await teller.when_due()

    async with kept(HEARTBEAT_SECONDS, "watching the workers", look):
        yield
    with suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await teller.now()
