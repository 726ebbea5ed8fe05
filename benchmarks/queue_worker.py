"""Workers that do nothing with what they take, for `benchmarks/queue.py`: ours, and arq's as it comes.

    python -m benchmarks.queue_worker ours REDIS_URL FOLDER NAME
    python -m benchmarks.queue_worker files REDIS_URL FOLDER NAME
    python -m benchmarks.queue_worker arq REDIS_URL

Ours is the real worker process, with attempts that end at once as done (`ours`), or with a job that answers without
reading the upload, which is opened and checked, and its result stored, as ever (`files`).
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from arq.connections import RedisSettings
from arq.worker import Worker, func

from onnx_models.served import Served
from tasks import attempt
from tasks.attempt import Attempts
from tasks.jobs import Job, jobs
from tasks.record import TaskRecord
from tasks.worker import WorkerConfig, run

# In place of the name of any function of ours.
NOTHING = "nothing"


class NoModels:
    """What a worker asks of its models when none of its jobs does."""

    attempts_at_once = 2
    on_gpu = False

    def report(self) -> list[dict[str, Any]]:
        return []

    def heads(self) -> tuple[str, ...]:
        return ()

    def fills(self) -> Iterator[tuple[str, Any]]:
        return iter(())


def done_at_once(_attempts: Attempts, record: TaskRecord, _stop: Callable[[], bool]) -> TaskRecord:
    """The end of an attempt that reads and writes no file."""
    return record.done(0, b"")


def ours(redis_url: str, folder: Path, name: str) -> None:
    config = WorkerConfig(
        name=name,
        redis_url=redis_url,
        store_dir=folder,
        models_dir=folder,
        models=(),
        profile=None,
        device="cpu",
        max_audio_length=60.0,
        retention=600.0,
        drain_timeout=1.0,
    )
    logging.basicConfig(level=logging.WARNING)
    run(config, cast("Served", NoModels()))


async def nothing(_context: dict[Any, Any]) -> None:
    """arq's job."""


def stock(redis_url: str) -> None:
    logging.getLogger("arq").setLevel(logging.ERROR)
    settings = RedisSettings.from_dsn(redis_url)
    asyncio.set_event_loop(asyncio.new_event_loop())
    job = func(nothing, name=NOTHING)  # type: ignore[arg-type]  # its Protocol knows more parameters
    Worker([job], redis_settings=settings).run()


if __name__ == "__main__":
    kind, url, *rest = sys.argv[1:]
    if kind == "arq":
        stock(url)
    elif kind == "ours":
        Attempts.run = done_at_once  # type: ignore[method-assign, assignment]  # the stub that is measured
        ours(url, Path(rest[0]), rest[1])
    else:
        answering: dict[str, Job] = dict.fromkeys(jobs(), lambda _: b"[]")
        vars(attempt)["jobs"] = lambda: answering
        ours(url, Path(rest[0]), rest[1])
