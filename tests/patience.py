"""How long tests wait for what should happen: so long that a busy machine breaks none, and less than one may take."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any, TypeVar

# In seconds. Nothing is proved by waiting less: what must not take long is told by what else happens, not by a clock.
PATIENCE = 120.0

Found = TypeVar("Found")


def pause(began: float) -> float:
    """The seconds until it is looked again by one who has waited since the monotonic time `began`: a tenth of that,
    since those who are waited for need the processor."""
    return min(max(0.01, (time.monotonic() - began) / 10), 0.05)


def until(happened: Callable[[], Found], seen: Callable[[], object] | None = None) -> Found:
    """What `happened` answers, once that is true; when it never is, `seen` says what was instead."""
    began = time.monotonic()
    while not (found := happened()):
        assert time.monotonic() < began + PATIENCE, _said(happened, seen)
        time.sleep(pause(began))
    return found


async def eventually(happened: Callable[[], Any], seen: Callable[[], object] | None = None) -> Any:
    """As `until`, while the event loop goes on; `happened` may be a coroutine function."""
    began = time.monotonic()
    while True:
        answer = happened()
        if found := await answer if inspect.isawaitable(answer) else answer:
            return found
        assert time.monotonic() < began + PATIENCE, _said(happened, seen)
        await asyncio.sleep(pause(began))


def _said(happened: Callable[[], object], seen: Callable[[], object] | None) -> str:
    return f"it did not happen: {seen() if seen else inspect.getsource(happened).strip()}"
