"""The HTTP part of an appliance with a watch on its event loop.

    python -m benchmarks.watched_http DATA_DIR REDIS_URL

Serves beside an appliance that runs on that folder and that Redis. It prints its address; when it is ended, it prints
for how long its event loop was held up at worst, and how often for more than 5 ms.

The watch sleeps a millisecond again and again. What it oversleeps counts, but for the time in which the loop's thread
could have run and had no processor, as the kernel tells it: that is what others on the machine have cost. So both the
loop's own work counts and its waits for the interpreter, which another thread holds. While that one has no processor
itself it counts all the same, so that a busy machine may still show more than there is.
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from aiohttp import web

import appliance.app
from appliance.settings import Settings

_SECONDS, _LONG_SECONDS = 0.001, 0.005


class Watch:
    """Seconds for which the event loop was held up at worst; how often for long, and how often that was looked at."""

    def __init__(self) -> None:
        self.longest, self.long, self.looks = 0.0, 0, 0

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._watch())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _watch(self) -> None:
        while True:
            started, queued = time.perf_counter(), _queued_seconds()
            await asyncio.sleep(_SECONDS)
            overslept = time.perf_counter() - started - _SECONDS
            held = overslept - (_queued_seconds() - queued)
            self.longest, self.looks = max(self.longest, held), self.looks + 1
            self.long += held > _LONG_SECONDS


def _queued_seconds() -> float:
    """For how long this thread has waited for a processor so far; see /proc/PID/schedstat in Linux's sched-stats."""
    return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9


def main(data_dir: Path, redis_url: str) -> None:
    watch, made = Watch(), appliance.app.create_app

    def watched(settings: Settings) -> web.Application:
        app = made(settings)
        app.cleanup_ctx.append(watch.running)
        return app

    appliance.app.create_app = watched
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        settings = Settings.model_validate({"data_dir": data_dir, "redis_url": redis_url, "log_level": "error"})
        appliance.app.serve(settings, listening)
    print(
        f"held up for {watch.longest * 1000:.1f} ms at worst, {watch.long} of {watch.looks:,} times for more than 5 ms",
        flush=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
