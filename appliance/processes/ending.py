"""How the supervisor hears that it shall end, and ends what it has begun."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from signal import SIG_IGN, SIGHUP, SIGINT, SIGTERM, Signals, getsignal
from typing import Any

from appliance.processes.child import Child

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05


def received() -> "asyncio.Queue[Signals]":
    """The signals that arrive from here on."""
    arrived: asyncio.Queue[Signals] = asyncio.Queue()
    # A terminal that closes is someone who leaves, unless nohup says otherwise.
    meanings = {SIGTERM: SIGTERM, SIGINT: SIGINT} | ({} if getsignal(SIGHUP) is SIG_IGN else {SIGHUP: SIGINT})
    for number, meaning in meanings.items():
        asyncio.get_running_loop().add_signal_handler(number, arrived.put_nowait, meaning)
    return arrived


async def cancelled(*tasks: "asyncio.Task[Any]") -> None:
    """Returns when the tasks have ended; how is left to whoever asks them."""
    pending = set(tasks)
    while pending:
        # More than once: under redis-py, `wait_for` of Python 3.11 loses a cancellation that meets its result.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_POLL_SECONDS)


async def gone(children: Iterable[Child], patience: float) -> None:
    """Returns when the processes have ended; those that have not within `patience` seconds are killed."""
    ends = {asyncio.create_task(child.wait()): child for child in children}
    _, late = await asyncio.wait(ends, timeout=patience)
    for end in late:
        log.warning("%s %s did not end within %.1f s and is killed", ends[end].role, ends[end].name, patience)
        ends[end].kill()
    await asyncio.wait(ends)


class Errands:
    """What is done beside everything else, and waited for by nobody."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def cancel(self) -> None:
        await cancelled(*self._under_way)
