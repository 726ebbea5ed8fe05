"""What a task asks of Redis and leaves behind."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio

from benchmarks.running import Running

_IDLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Kept:
    """For each task: commands of Redis, scripts and what they call counted each; bytes that Redis keeps in memory, and
    has written to its log; bytes of the result in the store folder. `idle_commands` are those a second of every worker
    that has nothing to do."""

    commands: float
    memory_bytes: float
    log_bytes: float
    result_bytes: float
    idle_commands: float


async def kept(
    service: Running, tasks: Awaitable[object], count: int, extractions: Awaitable[object], extracted: int
) -> Kept:
    """While `tasks`, which are `count`, are done and nothing else is; results are those of `extractions`.

    The memory of Redis goes up and down by itself: it takes many tasks to tell what is theirs.
    """
    async with redis.asyncio.Redis.from_url(service.redis_url) as store:
        before = await _look(store)
        await asyncio.sleep(_IDLE_SECONDS)
        after = await _look(store)
        idle = (after["commands"] - before["commands"]) / _IDLE_SECONDS
        started = time.perf_counter()
        await tasks
        lasted = time.perf_counter() - started
        found = {name: value - after[name] for name, value in (await _look(store)).items()}
    folder = service.data_dir / "store"
    size = await asyncio.to_thread(_size, folder)
    await extractions
    results = await asyncio.to_thread(_size, folder) - size
    return Kept(
        commands=(found["commands"] - idle * lasted) / count,
        memory_bytes=found["memory"] / count,
        log_bytes=found["log"] / count,
        result_bytes=results / extracted,
        idle_commands=idle / len(service.processes("worker")),
    )


async def _look(store: "redis.asyncio.Redis") -> dict[str, float]:
    told = await store.info()
    return {
        "commands": told["total_commands_processed"],
        "memory": told["used_memory"],
        "log": told["aof_current_size"],
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
