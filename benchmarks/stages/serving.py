"""What the service spends on a task besides its job: HTTP and queue, by the processor time of its processes."""

import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import redis.asyncio

from benchmarks.client import converted, crowd, extracted, session
from benchmarks.processes import processor_seconds
from benchmarks.running import Running, bare_server, running
from benchmarks.stages.keeping import Kept, kept
from benchmarks.stages.stage import Figures

_CLIENTS = 4
# Conversions of one voiceprint, whose job is next to nothing: enough for a clock of 10 ms.
_TASKS = 300
# Tasks of which Redis keeps the records meanwhile.
_KEPT = 1000

Spent = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Served:
    """Processor seconds for all recordings, as medians; `whole` is of all processes of the appliance."""

    http: Figures
    queue: Figures
    whole: float
    kept: Kept


async def served(recordings: Sequence[Path], model: str, models_dir: Path, rounds: int) -> Served:
    """`recordings` through an appliance, and through a server that does nothing with them, by turns."""
    contents = [path.read_bytes() for path in recordings]
    found: defaultdict[str, list[float]] = defaultdict(list)
    async with (
        running(model=model, models_dir=models_dir) as service,
        session(service.url) as http,
        bare_server() as (bare_url, bare_pid),
        session(bare_url) as bare,
    ):
        voiceprint = (await extracted(http, contents[0]))["channels"][0]["voiceprint"]

        def queue_spent() -> float:
            return service.processor_seconds("redis") + service.processor_seconds("worker")

        async def note(name: str, work: Awaitable[object], *spent: Spent) -> None:
            """What every one of `spent` tells of `work`, under `name` and its number."""
            before = [clock() for clock in spent]
            await work
            for number, clock in enumerate(spent):
                found[f"{name} {number}"].append(clock() - before[number])

        for _ in range(rounds):
            await note(
                "tasks",
                _extractions(http, contents),
                lambda: service.processor_seconds("http"),
                service.processor_seconds,
            )
            await note("bare", _extractions(bare, contents), partial(processor_seconds, bare_pid))
            await note(
                "conversions", crowd(_CLIENTS, lambda text: converted(http, text), [voiceprint] * _TASKS), queue_spent
            )
            await note("commands", _commands(service), lambda: service.processor_seconds("redis"), time.process_time)
        conversions = crowd(_CLIENTS, partial(converted, http), [voiceprint] * _KEPT)
        left = await kept(service, conversions, _KEPT, _extractions(http, contents), len(contents))
    medians = {name: statistics.median(values) for name, values in found.items()}
    share = len(recordings) / _TASKS
    return Served(
        Figures("HTTP", medians["tasks 0"], "aiohttp without form, disk and Redis", medians["bare 0"]),
        Figures(
            "queue",
            medians["conversions 0"] * share,
            "three commands to Redis",
            (medians["commands 0"] + medians["commands 1"]) * share,
        ),
        medians["tasks 1"],
        left,
    )


async def _extractions(http: aiohttp.ClientSession, contents: Sequence[bytes]) -> None:
    await crowd(_CLIENTS, lambda content: extracted(http, content), contents)


async def _commands(service: Running) -> None:
    """As many tasks as _TASKS put into a list, taken from it and noted as done, each after the other."""
    async with redis.asyncio.Redis.from_url(service.redis_url) as store:
        for _ in range(_TASKS):
            await store.lpush("benchmark:waiting", "task")
            await store.brpop("benchmark:waiting")
            await store.set("benchmark:done", "task")
