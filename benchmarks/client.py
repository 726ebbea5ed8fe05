"""Clients of a running appliance that wait for their tasks by long polls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import aiohttp

EXTRACTION = "/api/technology/speaker-identification-voiceprint-extraction"
CONVERSION = "/api/technology/speaker-identification-voiceprint-conversion"
_WAIT_SECONDS = 60

T = TypeVar("T")


def session(url: str, connections: int = 0) -> aiohttp.ClientSession:
    """Clients of the appliance at `url` with as many connections as they need, or at most so many."""
    return aiohttp.ClientSession(
        url, connector=aiohttp.TCPConnector(limit=connections), timeout=aiohttp.ClientTimeout(total=None)
    )


async def extracted(http: aiohttp.ClientSession, recording: bytes, model: str | None = None) -> dict[str, Any]:
    """The result of an extraction, from the first byte sent to the last received. Raises SystemExit if it fails."""
    return await ended(http, await submitted(http, recording, model))


async def submitted(http: aiohttp.ClientSession, recording: bytes, model: str | None = None) -> str:
    """The address of a new task. Raises SystemExit if it is refused."""
    form = aiohttp.FormData()
    form.add_field("file", recording, filename="recording", content_type="application/octet-stream")
    async with http.post(EXTRACTION, data=form, params={"model": model} if model else {}) as answer:
        return await _location(answer)


async def converted(http: aiohttp.ClientSession, voiceprint: str) -> dict[str, Any]:
    """The result of a conversion of one voiceprint. Raises as `extracted` does."""
    async with http.post(CONVERSION, json={"voiceprints": [voiceprint]}) as answer:
        location = await _location(answer)
    return await ended(http, location)


async def _location(answer: aiohttp.ClientResponse) -> str:
    if answer.status != 202:
        raise SystemExit(f"refused: {await answer.text()}")
    return answer.headers["Location"]


async def ended(http: aiohttp.ClientSession, location: str) -> dict[str, Any]:
    """The result of the task at `location` once it is done. Raises SystemExit if it ends otherwise."""
    while True:
        async with http.get(location, params={"wait": _WAIT_SECONDS}) as answer:
            body: dict[str, Any] = await answer.json()
        state = body["task"]["state"]
        if state == "done":
            result: dict[str, Any] = body["result"]
            return result
        if state not in {"pending", "running"}:
            raise SystemExit(f"a task ended as {state}: {body}")


async def crowd(many: int, work: Callable[[T], Awaitable[object]], items: Iterable[T]) -> None:
    """`work` on every one of `items`, by `many` clients of which each takes the next when it is done with one."""
    waiting = iter(items)

    async def client() -> None:
        for item in waiting:
            await work(item)

    await asyncio.gather(*(client() for _ in range(many)))


async def timed(work: Awaitable[object]) -> float:
    """Seconds by the clock."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started
