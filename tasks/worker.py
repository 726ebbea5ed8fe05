"""A worker process: takes tasks from the queue, says that it lives, and looks after what nobody else does."""

import asyncio
import logging
import signal
import time
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from onnx_models import gpu_memory
from onnx_models.media import MediaLimits
from onnx_models.served import Served
from schemas import json
from schemas.errors import Overloaded, StorageFull
from schemas.keyring import KeyRing
from schemas.quality import DEFAULT_THRESHOLDS, Thresholds
from schemas.signatures import Signatures
from tasks import listing
from tasks.appetite import Appetite
from tasks.attempt import Attempts
from tasks.audit import Audit
from tasks.audit.ended import ends
from tasks.connection import shown
from tasks.duties import every
from tasks.jobs import jobs
from tasks.mending import mend
from tasks.metrics import work
from tasks.metrics.declared import RECOVERED
from tasks.metrics.ends import counted
from tasks.metrics.tally import Tally
from tasks.metrics.telling import Teller
from tasks.queue import Queue
from tasks.reconciler import Reconciler
from tasks.stores import Stores
from tasks.sweeping import Sweeper
from tasks.tracing import Tracing, opened
from tasks.under_way import UnderWay
from tasks.workforce import HEARTBEAT_SECONDS, Capabilities, Workforce

log = logging.getLogger(__name__)

# How often uploads are looked at, and how often all records and results: with a heartbeat, which wakes it anyway.
_SWEEP_SECONDS, _ROUND_SECONDS = 9 * HEARTBEAT_SECONDS, 99 * HEARTBEAT_SECONDS
_MEND_SECONDS = 3 * HEARTBEAT_SECONDS
_REPORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker needs to know. Lengths and times in seconds; `name` must be new for every process.

    The first of `models` is the one for requests that name none. One long recording is spread over `threads` threads,
    by default one for each core. So many `attempts` are under way at a time, by default as many as the models have use
    for. One that takes longer than `longest_attempt` hangs: its worker ends with it.
    """

    name: str
    redis_url: str
    store_dir: Path
    models_dir: Path
    models: tuple[str, ...]
    profile: str | None
    device: str
    max_audio_length: float
    retention: float
    drain_timeout: float
    quality: Thresholds = DEFAULT_THRESHOLDS
    ring: KeyRing | None = None
    encrypt_store: bool = True
    unsigned_voiceprints: Literal["refuse", "accept"] = "refuse"
    audit_log: Path | None = None
    longest_attempt: float = 4 * 3600.0
    threads: int | None = None
    attempts: int | None = None
    otel_endpoint: str | None = None


def open_models(config: WorkerConfig) -> Served:
    """What a worker needs and takes long to open. Raises ConfigurationError when the model or the device is missing."""
    jobs()  # which are imported with their schemas, once
    return Served.open(
        config.models,
        models_dir=config.models_dir,
        device=config.device,
        limits=MediaLimits(max_audio_length=config.max_audio_length),
        profile=config.profile,
        threads=config.threads,
    )


def run(config: WorkerConfig, models: Served | None = None) -> None:
    """Works until SIGTERM (finishes what runs, for at most `drain_timeout`) or SIGINT (gives it back at once).

    Opens the models unless they are given, and raises ConfigurationError as that does, before the first task.
    """
    # arq tells how long a job waited from its place in the queue, which is no time here, and warns of jobs that
    # expired: these are tasks that were erased.
    logging.getLogger("arq").setLevel(logging.ERROR)
    models = models or open_models(config)
    audit = Audit.open(config.audit_log, config.ring)
    tracing = opened(config.otel_endpoint, f"worker {config.name}")
    with audit.running(f"worker {config.name}"), closing(tracing):
        asyncio.run(_Worker(config, models, audit, tracing).run())


class _Worker:
    def __init__(self, config: WorkerConfig, models: Served, audit: Audit, tracing: Tracing) -> None:
        self._config = config
        self._models = models
        self._capabilities = Capabilities(config.models, models.heads())
        stores = Stores(config.redis_url, config.store_dir, config.ring, encrypt=config.encrypt_store)
        self._files = stores.files()
        self._tally = Tally()
        told = counted(self._tally, ends(audit, f"worker {config.name}"))
        self._store = stores.tasks(ended=self._files.erase_input, told=told)
        self._teller = Teller(self._store, self._tally)
        self._workforce = Workforce(self._store)
        signatures = Signatures.of(config.ring, config.unsigned_voiceprints)
        self._sweeper = Sweeper(self._store, self._files)
        self._under_way = UnderWay(
            config.name,
            self._store,
            self._workforce,
            files=self._files,
            attempts=Attempts(models, self._files, config.quality, signatures, config.longest_attempt),
            appetite=Appetite(config.attempts or models.attempts_at_once),
            retention=config.retention,
            tally=self._tally,
            tracing=tracing,
        )
        self._reported, self._report_due = b"", 0.0
        self._heard = self._silent = False

    async def run(self) -> None:
        leaving = asyncio.Event()

        def give_back() -> None:
            self._under_way.give_back.set()
            leaving.set()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, leaving.set)
        loop.add_signal_handler(signal.SIGINT, give_back)
        queue = Queue(self._store, jobs(), self._under_way)
        ended = asyncio.Event()
        async with self._store:
            async with asyncio.TaskGroup() as group:
                consuming = group.create_task(queue.consume())
                group.create_task(every(HEARTBEAT_SECONDS, "heartbeat", self._heartbeat, ended))
                group.create_task(every(_SWEEP_SECONDS, "sweep of uploads", self._sweep, ended, costly=True))
                group.create_task(every(_MEND_SECONDS, "mending", partial(self._mend, ended), ended))
                group.create_task(every(_ROUND_SECONDS, "reconciling", partial(self._look_around, ended), ended))
                group.create_task(every(_ROUND_SECONDS, "sweep of results", self._sweep_results, ended))
                await leaving.wait()
                # redis-py swallows a cancellation now and then, so it hastens the end and is not what ends.
                queue.allow_pick_jobs = False
                consuming.cancel()
                await queue.drain(self._under_way.give_back, self._config.drain_timeout)
                ended.set()
            # What did not stop in time goes to another worker now, not when this one's heartbeat lapses.
            with suppress(Overloaded, StorageFull):
                await self._workforce.bury(self._config.name, retention=self._config.retention)
            work.batches(self._tally, self._models)
            await self._teller.now()

    async def _heartbeat(self) -> None:
        """Says that this worker lives, and looks after the tasks of those that do not."""
        running = self._under_way.running()
        report = self._report()
        try:
            await self._workforce.heartbeat(self._config.name, self._capabilities, report)
            recovered = await self._workforce.recover(retention=self._config.retention)
            await self._teller.when_due()
        except (Overloaded, StorageFull) as error:
            if not self._silent:
                log.warning("waiting for Redis at %s: %s", shown(self._config.redis_url), error.message)
            self._silent, self._heard = True, False
            return
        if not self._heard:
            log.info("worker %s is ready", self._config.name)
            self._silent, self._heard = False, True
        await self._under_way.compare(running, self._workforce.seen_with(self._config.name))
        if recovered:
            self._tally.count(RECOVERED, amount=recovered)
            log.warning("%d tasks were taken from dead workers or found without a queue entry", recovered)

    def _report(self) -> bytes:
        """Made anew at most every _REPORT_SECONDS: profiles come and go while a worker lives."""
        now = time.monotonic()
        if now >= self._report_due:
            self._reported, self._report_due = json.encode(self._models.report()), now + _REPORT_SECONDS
            work.batches(self._tally, self._models)
            if self._models.on_gpu:
                self._capabilities = replace(self._capabilities, gpus=gpu_memory.used_and_total())
        return self._reported

    async def _sweep(self) -> None:
        if self._workforce.is_first(self._config.name):
            await self._sweeper.inputs()
            await asyncio.to_thread(self._sweeper.partial)
            await listing.sweep(self._store, retention=self._config.retention)

    async def _mend(self, ended: asyncio.Event) -> None:
        # By every worker: who is first cannot be told while that cannot be read which is to be mended.
        if await mend(self._store):
            await self._reconcile(ended)

    async def _look_around(self, ended: asyncio.Event) -> None:
        if self._workforce.is_first(self._config.name):
            await self._reconcile(ended)

    async def _sweep_results(self) -> None:
        if self._workforce.is_first(self._config.name):
            await self._sweeper.results()

    async def _reconcile(self, ended: asyncio.Event) -> None:
        await Reconciler(self._store, retention=self._config.retention, stopped=ended).round()
