"""How it stands when somebody asks: the queue, workers, Redis and the store. Nothing of it is kept up between."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from redis.exceptions import ResponseError

from appliance import readiness
from appliance.settings import Settings
from schemas.errors import Overloaded
from tasks.audit import Audit
from tasks.connection import redis_errors
from tasks.dispatch import QUEUE
from tasks.files import FileStore
from tasks.keys import CALLBACKS
from tasks.metrics.declared import PREFIX
from tasks.record import RecordDamaged, now_ms
from tasks.store import TaskStore
from tasks.workforce import Depth, Workforce

# To add up the sizes of all results is a look at each of them: not for every scrape.
_SIZES_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that goes up and down; `values` are those of each combination of `labels`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: list[tuple[tuple[str, ...], float]] = field(default_factory=list)

    @classmethod
    def one(cls, name: str, meaning: str, value: float) -> "Gauge":
        return cls(PREFIX + name, meaning, values=[((), float(value))])

    @classmethod
    def each(cls, name: str, meaning: str, label: str, values: dict[str, float]) -> "Gauge":
        return cls(PREFIX + name, meaning, (label,), [((one,), float(value)) for one, value in values.items()])


class Gauges:
    """Reads them, where Redis is away those that need none."""

    def __init__(
        self, settings: Settings, store: TaskStore, workforce: Workforce, files: FileStore, audit: Audit
    ) -> None:
        self._settings, self._store, self._workforce = settings, store, workforce
        self._files, self._audit = files, audit
        self._sizes: dict[str, float] = {}
        self._sizes_due = 0.0

    async def read(self) -> Sequence[Gauge]:
        checks = await readiness.pings(self._settings, self._workforce, self._files, self._audit)
        up = checks["redis"] is None
        found = [
            Gauge.each("build_info", "The version that answers.", "version", {version("voiceprint-appliance"): 1}),
            Gauge.each(
                "ready",
                "Whether each thing that a new task needs is there.",
                "check",
                {name: fault is None for name, fault in checks.items()},
            ),
            *await self._storage(),
        ]
        if up:
            try:
                found += [*self._queue(await self._workforce.depth()), *await self._waiting(), *await self._redis()]
            except Overloaded:
                up = False
        return [Gauge.one("redis_up", "Whether Redis answers; without it most else is missing.", up), *found]

    def _queue(self, depth: Depth) -> Iterator[Gauge]:
        tasks = {"waiting": float(depth.waiting), "running": float(depth.running)}
        yield Gauge.each("tasks", "Tasks that have not ended.", "state", tasks)
        yield Gauge.one("tasks_limit", "How many tasks may wait or run.", self._settings.max_queue_length)
        yield Gauge.one("workers", "Workers that are alive.", len(depth.workers))
        serving = dict.fromkeys(self._settings.served_models, 0.0)
        memory: dict[str, tuple[int, int]] = {}
        for worker in depth.workers.values():
            memory.update(worker.gpus)
            for model in serving.keys() & set(worker.models):
                serving[model] += 1
        yield Gauge.each("model_workers", "Workers that are alive and serve a model of the settings.", "model", serving)
        used, total = ({name: float(pair[n]) for name, pair in memory.items()} for n in (0, 1))
        yield Gauge.each("gpu_memory_used_bytes", "Memory in use of a GPU that a worker has.", "gpu", used)
        yield Gauge.each("gpu_memory_total_bytes", "Memory of a GPU that a worker has.", "gpu", total)
        yield Gauge.one("input_bytes", "Uploads of tasks that have not ended.", depth.input_bytes)

    async def _waiting(self) -> Iterator[Gauge]:
        async with redis_errors():
            callbacks, first = await self._store.lane.calls(("ZCARD", CALLBACKS), ("ZRANGE", QUEUE, 0, 0))
        age = 0.0
        with suppress(RecordDamaged):
            if first and (oldest := await self._store.fetch(first[0].decode(errors="replace"))):
                age = max(0, now_ms() - oldest.created_ms) / 1000
        return iter(
            (
                Gauge.one("webhooks_waiting", "Ends of tasks of which somebody is still to be told.", callbacks),
                Gauge.one("oldest_waiting_task_seconds", "Age of the task that is first in the queue.", age),
            )
        )

    async def _redis(self) -> Iterator[Gauge]:
        began = time.perf_counter()
        await self._store.ping()
        took = time.perf_counter() - began
        told: dict[str, Any] = {}
        # A user of few rights may not ask.
        with suppress(ResponseError):
            async with redis_errors():
                for section in ("memory", "persistence"):
                    told |= _told(await self._store.lane.call("INFO", section))
        well = told.get("aof_last_write_status") == "ok" and told.get("aof_last_bgrewrite_status") == "ok"
        return iter(
            (
                Gauge.one("redis_ping_seconds", "How long Redis took to answer a PING.", took),
                Gauge.one("redis_memory_used_bytes", "Memory that Redis uses.", _number(told, "used_memory")),
                Gauge.one("redis_memory_limit_bytes", "And may use; 0 without a limit.", _number(told, "maxmemory")),
                Gauge.one(
                    "redis_appendonly", "Whether Redis writes an append-only file.", _number(told, "aof_enabled")
                ),
                Gauge.one("redis_appendonly_ok", "Whether its last write and its last rewriting went well.", well),
                Gauge.one("redis_appendonly_bytes", "Size of that file.", _number(told, "aof_current_size")),
            )
        )

    async def _storage(self) -> list[Gauge]:
        if time.monotonic() >= self._sizes_due:
            self._sizes = await asyncio.to_thread(self._files.sizes)
            self._sizes_due = time.monotonic() + _SIZES_SECONDS
        settings = self._settings
        found = [
            Gauge.each("store_bytes", "Files in the store folder, as of a minute ago at most.", "kind", self._sizes),
            Gauge.one("input_limit_bytes", "Room for uploads of open tasks.", settings.input_storage_size),
            Gauge.one("minimum_free_bytes", "Below this no task is accepted.", settings.minimum_free_space),
        ]
        with suppress(OSError):
            free = self._files.free_space()
            found.append(Gauge.one("free_bytes", "Free on the disk of the store or the data folder.", free))
        return found


def _told(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {name: value.strip() for name, colon, value in lines if colon}


def _number(told: dict[str, str], name: str) -> float:
    value = told.get(name, "")
    return float(value) if value.isdecimal() else 0.0
