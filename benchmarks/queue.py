"""What a task costs besides its work: tasks a second from submit to their end, with jobs that do nothing.

    python -m benchmarks.queue [--tasks 4000] [--workers 2] [--rounds 5] [--deep 100000]

On a Redis of its own with `appendfsync always`, as the appliance has it. In turns: the appliance's store and worker
processes; the same with an upload and a result file of every task; arq as it comes, jobs enqueued and run by as many
worker processes. Beside them how often the disk can be waited for, which is what one call after the other would be
bound by. Then the same number of tasks from a queue that is kept 10 deep and from one that is kept `--deep` deep, by
the processor time that Redis and the workers spend on each. Every figure is a median.
"""

import asyncio
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from arq.connections import RedisSettings, create_pool
from rich.console import Console
from rich.table import Table

from appliance.embedded_redis import redis_server
from appliance.settings import Settings
from benchmarks.queue_worker import NOTHING
from tasks.files import LocalFileStore
from tasks.keys import OPEN
from tasks.record import TaskRecord, now_ms
from tasks.store import TaskStore, new_worker_name
from tasks.workforce import Workforce

_TECHNOLOGY = "speaker-identification-voiceprint-conversion"
_UPLOAD = b'{"voiceprints":[]}'
# Clients that submit at a time.
_CLIENTS = 64
_SHALLOW = 10
_LOOK_SECONDS = 0.005
_FSYNCS, _RECORD_BYTES = 500, 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is measured: a Redis, a store folder, and how many workers there are."""

    redis_url: str
    redis_pid: int
    folder: Path
    workers: int


@contextmanager
def place(workers: int) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="voiceprint-queue-") as name:
        folder = Path(name)
        with redis_server.prepared(redis_server.find(Settings().models), folder, "always") as server:
            redis = subprocess.Popen(server.launch().command, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
            try:
                asyncio.run(redis_server.wait_until_ready(server.url, 20.0))
                yield Place(server.url, redis.pid, folder, workers)
            finally:
                redis.kill()
                redis.wait(20)


@asynccontextmanager
async def emptied(here: Place) -> AsyncIterator[TaskStore]:
    async with TaskStore.open(here.redis_url) as store:
        await store.redis.flushall()
        yield store


@contextmanager
def workers(here: Place, kind: str) -> Iterator[list[int]]:
    """The processes of as many workers as there shall be, which end with the context."""
    with ExitStack() as stack:
        found = []
        for _ in range(here.workers):
            words = [here.redis_url, *([] if kind == "arq" else [str(here.folder / "store"), new_worker_name()])]
            process = subprocess.Popen([sys.executable, "-m", "benchmarks.queue_worker", kind, *words])  # noqa: S603
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            found.append(process.pid)
        yield found


async def ready(store: TaskStore, many: int) -> None:
    workforce = Workforce(store)
    while len((await workforce.depth()).workers) < many:  # noqa: ASYNC110  # other processes
        await asyncio.sleep(0.1)


async def shared(many: int, work: Callable[[], Awaitable[object]], clients: int = _CLIENTS) -> None:
    """Does `work` so many times, by several clients at a time."""
    left = iter(range(many))

    async def client() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(client() for _ in range(clients)))


async def submitted(store: TaskStore, files: LocalFileStore | None = None) -> None:
    record = TaskRecord(str(uuid.uuid4()), _TECHNOLOGY, now_ms(), {}, len(_UPLOAD), hashlib.sha256(_UPLOAD).digest())
    if files:
        async with files.upload(record.task_id) as upload:
            await upload.write(_UPLOAD)
    await store.submit(record, max_open=1_000_000, max_input_bytes=1 << 40)


async def through_ours(here: Place, many: int, kind: str) -> float:
    """Tasks a second from the first submit to the last end."""
    files = LocalFileStore(here.folder / "store") if kind == "files" else None
    async with emptied(here) as store:
        with workers(here, kind):
            await ready(store, here.workers)
            started = time.perf_counter()
            await shared(many, lambda: submitted(store, files))
            while await store.redis.zcard(OPEN):  # noqa: ASYNC110  # other processes
                await asyncio.sleep(_LOOK_SECONDS)
            return many / (time.perf_counter() - started)


async def through_arq(here: Place, many: int) -> float:
    async with emptied(here) as store:
        pool = await create_pool(RedisSettings.from_dsn(here.redis_url))
        with workers(here, "arq"):
            while not await store.redis.exists("arq:queue:health-check"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            started = time.perf_counter()
            await shared(many, lambda: pool.enqueue_job(NOTHING))
            while await store.redis.zcard("arq:queue"):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
            seconds = time.perf_counter() - started
        await pool.aclose(close_connection_pool=True)
        return many / seconds


async def cost(here: Place, depth: int, many: int) -> tuple[float, float, float]:
    """Milliseconds of Redis's and of the workers' processor time for a task, and tasks a second, while `depth` wait."""
    async with emptied(here) as store:
        await shared(depth, lambda: submitted(store))
        with workers(here, "ours") as pids:
            await ready(store, here.workers)

            async def refill() -> None:
                while await store.redis.zcard(OPEN) > depth:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_SECONDS)
                await submitted(store)

            redis, theirs = processor_seconds(here.redis_pid), sum(map(processor_seconds, pids))
            started = time.perf_counter()
            await shared(many, refill, min(depth, _CLIENTS))
            seconds = time.perf_counter() - started
            redis, theirs = processor_seconds(here.redis_pid) - redis, sum(map(processor_seconds, pids)) - theirs
    return 1000 * redis / many, 1000 * theirs / many, many / seconds


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fsyncs(folder: Path) -> float:
    """How often a second a record can be appended to a file and be waited for until it is on the disk."""
    with (folder / "appended").open("ab", buffering=0) as file:
        started = time.perf_counter()
        for _ in range(_FSYNCS):
            file.write(bytes(_RECORD_BYTES))
            os.fdatasync(file.fileno())
        return _FSYNCS / (time.perf_counter() - started)


def main(
    tasks: Annotated[int, typer.Option(help="Tasks of each figure.")] = 4000,
    workers: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    rounds: Annotated[int, typer.Option(help="How often each figure is measured.")] = 5,
    deep: Annotated[int, typer.Option(help="Depth of the deep queue; 0 leaves that out.")] = 100_000,
) -> None:
    """Measure the queue."""
    found: dict[str, list[float]] = {}
    depths: dict[int, list[tuple[float, float, float]]] = {}
    with place(workers) as here:
        for _ in range(rounds):
            found.setdefault("disk", []).append(fsyncs(here.folder))
            found.setdefault("ours", []).append(asyncio.run(through_ours(here, tasks, "ours")))
            found.setdefault("files", []).append(asyncio.run(through_ours(here, tasks, "files")))
            found.setdefault("arq", []).append(asyncio.run(through_arq(here, max(200, tasks // 10))))
            for depth in (_SHALLOW, deep) if deep else ():
                depths.setdefault(depth, []).append(asyncio.run(cost(here, depth, tasks)))
    disk, ours, files, stock = (statistics.median(found[kind]) for kind in ("disk", "ours", "files", "arq"))
    table = Table("what", "a second", "ratio", title=f"{tasks} tasks, {workers} workers, {_CLIENTS} clients")
    table.add_row("appends to a file, each waited for", f"{disk:,.0f}", "")
    table.add_row("tasks, from submit to their end", f"{ours:,.0f}", f"{ours / disk:.2f} of those, a task has 3")
    table.add_row(
        "the same with upload and result files", f"{files:,.0f}", f"{files / disk:.2f} of those, a task has 7"
    )
    table.add_row("stock arq, enqueue and run", f"{stock:,.0f}", f"ours is {ours / stock:.1f} times as fast")
    Console().print(table)
    if not depths:
        return
    table = Table("depth", "Redis, ms a task", "workers, ms a task", "tasks a second")
    for depth, measured in depths.items():
        redis, theirs, rate = (statistics.median(figures) for figures in zip(*measured, strict=True))
        table.add_row(f"{depth:,}", f"{redis:.3f}", f"{theirs:.3f}", f"{rate:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
