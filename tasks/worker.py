"""A worker process: takes one task after the other from the queue.

Who owns a task, how often it has been tried and what came of it is decided by its record alone.
"""

import asyncio
import logging
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from onnx_models.media import MediaLimits
from onnx_models.passage import Stopped
from onnx_models.served import Served
from schemas import json
from schemas.errors import Overloaded, StorageFull, TaskInternalError
from schemas.keyring import KeyRing
from schemas.quality import DEFAULT_THRESHOLDS, Thresholds
from schemas.signatures import Signatures
from schemas.task import TaskState
from tasks.attempt import Attempts
from tasks.audit import Audit
from tasks.audit.ended import ends
from tasks.connection import shown
from tasks.duties import every
from tasks.files import InputDamaged, InputGone
from tasks.jobs import jobs
from tasks.mending import mend
from tasks.queue import Queue, Retry
from tasks.reconciler import Reconciler
from tasks.record import RecordDamaged, TaskRecord
from tasks.stores import Stores
from tasks.sweeping import Sweeper
from tasks.workforce import HEARTBEAT_SECONDS, Capabilities, Workforce

log = logging.getLogger(__name__)

# How often uploads are looked at, and how often all records and results.
_SWEEP_SECONDS, _ROUND_SECONDS = 5.0, 60.0
_MEND_SECONDS = 1.0
_REPORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker needs to know. Lengths and times in seconds; `name` must be new for every process.

    The first of `models` is the one for requests that name none. An attempt that takes longer than `longest_attempt`
    hangs: its worker ends with it.
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


def open_models(config: WorkerConfig) -> Served:
    """What a worker needs and takes long to open. Raises ConfigurationError when the model or the device is missing."""
    jobs()  # which are imported with their schemas, once
    return Served.open(
        config.models,
        models_dir=config.models_dir,
        device=config.device,
        limits=MediaLimits(max_audio_length=config.max_audio_length),
        profile=config.profile,
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
    with audit.running(f"worker {config.name}"):
        asyncio.run(_Worker(config, models, audit).run())


class _Worker:
    def __init__(self, config: WorkerConfig, models: Served, audit: Audit) -> None:
        self._config = config
        self._models = models
        self._capabilities = Capabilities(config.models, models.heads())
        stores = Stores(config.redis_url, config.store_dir, config.ring, encrypt=config.encrypt_store)
        self._files = stores.files()
        self._store = stores.tasks(ended=self._files.erase_input, told=ends(audit, f"worker {config.name}"))
        self._workforce = Workforce(self._store)
        signatures = Signatures.of(config.ring, config.unsigned_voiceprints)
        self._attempts = Attempts(models, self._files, config.quality, signatures, config.longest_attempt)
        self._sweeper = Sweeper(self._store, self._files)
        self._give_back = threading.Event()
        # What drops those under way, when their tasks are erased and no longer need an end.
        self._under_way: dict[str, threading.Event] = {}
        # Those under way, and those that are about to be.
        self._wanted: set[str] = set()
        self._reported, self._report_due = b"", 0.0
        self._heard = self._silent = False

    async def run(self) -> None:
        leaving = asyncio.Event()

        def give_back() -> None:
            self._give_back.set()
            leaving.set()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, leaving.set)
        loop.add_signal_handler(signal.SIGINT, give_back)
        queue = Queue(self._store.redis, dict.fromkeys(jobs(), self._attempt))
        ended = asyncio.Event()
        async with self._store:
            async with asyncio.TaskGroup() as group:
                consuming = group.create_task(queue.consume())
                group.create_task(every(HEARTBEAT_SECONDS, self._heartbeat, ended))
                group.create_task(every(_SWEEP_SECONDS, self._sweep, ended))
                group.create_task(every(_MEND_SECONDS, partial(self._mend, ended), ended))
                group.create_task(every(_ROUND_SECONDS, partial(self._look_around, ended), ended))
                await leaving.wait()
                # redis-py swallows a cancellation now and then, so it hastens the end and is not what ends.
                queue.allow_pick_jobs = False
                consuming.cancel()
                await queue.drain(self._give_back, self._config.drain_timeout)
                ended.set()
            # What did not stop in time goes to another worker now, not when this one's heartbeat lapses.
            with suppress(Overloaded, StorageFull):
                await self._workforce.bury(self._config.name, retention=self._config.retention)

    async def _heartbeat(self) -> None:
        """Says that this worker lives, and looks after the tasks of those that do not."""
        try:
            await self._workforce.heartbeat(self._config.name, self._capabilities, self._report())
        except (Overloaded, StorageFull) as error:
            if not self._silent:
                log.warning("waiting for Redis at %s: %s", shown(self._config.redis_url), error.message)
            self._silent, self._heard = True, False
            return
        if not self._heard:
            log.info("worker %s is ready", self._config.name)
            self._silent, self._heard = False, True
        await self._compare()
        recovered = await self._workforce.recover(retention=self._config.retention)
        if recovered:
            log.warning("%d tasks were taken from dead workers or found without a queue entry", recovered)

    async def _compare(self) -> None:
        """Drops what was erased; gives back what this worker has without knowing: its claim was not answered."""
        under_way = dict(self._under_way)
        owned = await self._workforce.owned_by(self._config.name)
        for task_id in under_way.keys() - owned:
            under_way[task_id].set()
        for task_id in owned - self._wanted:
            with suppress(RecordDamaged):  # which is for those to end who find it
                record = await self._store.fetch(task_id)
                if record is not None and record.worker == self._config.name and not record.state.terminal:
                    await self._store.requeue(record)

    def _report(self) -> bytes:
        """Made anew at most every _REPORT_SECONDS: profiles come and go while a worker lives."""
        now = time.monotonic()
        if now >= self._report_due:
            self._reported, self._report_due = json.encode(self._models.report()), now + _REPORT_SECONDS
        return self._reported

    async def _sweep(self) -> None:
        if self._workforce.is_first(self._config.name):
            await self._sweeper.inputs()
            await asyncio.to_thread(self._sweeper.partial)

    async def _mend(self, ended: asyncio.Event) -> None:
        # By every worker: who is first cannot be told while that cannot be read which is to be mended.
        if await mend(self._store.redis):
            await self._reconcile(ended)

    async def _look_around(self, ended: asyncio.Event) -> None:
        if self._workforce.is_first(self._config.name):
            await self._reconcile(ended)
            await self._sweeper.results()

    async def _reconcile(self, ended: asyncio.Event) -> None:
        await Reconciler(self._store, retention=self._config.retention, stopped=ended).round()

    async def _attempt(self, context: dict[str, Any]) -> None:
        """One attempt at one task, called by arq; Retry tells arq to leave the queue entry as it is."""
        task_id = context["job_id"]
        self._wanted.add(task_id)
        try:
            await self._attempt_at(task_id)
        finally:
            self._wanted.discard(task_id)

    async def _attempt_at(self, task_id: str) -> None:
        try:
            record = await self._store.fetch(task_id)
            if record is None or record.state is not TaskState.PENDING:
                return
            if record.technology not in jobs():
                raise RecordDamaged("the task record is of a technology that is not known here")
            claimed = await self._store.claim(record, self._config.name)
            if claimed is None and await self._store.fetch(task_id) is None:
                return  # erased in between; arq drops what it has noted of it
        except RecordDamaged as error:
            await self._store.fail_damaged(task_id, error, retention=self._config.retention)
            return
        except (Overloaded, StorageFull) as error:
            raise Retry from error
        if claimed is None:
            raise Retry
        dropped = self._under_way[task_id] = threading.Event()
        try:
            ended = await asyncio.to_thread(
                self._attempts.run, claimed, lambda: self._give_back.is_set() or dropped.is_set()
            )
        except Stopped:
            # Of a task that was erased there is nothing to give back, and this does nothing.
            await self._store.requeue(claimed)
            raise Retry from None
        except Exception as fault:
            ended = await self._unexpected(claimed, fault)
        finally:
            del self._under_way[task_id]
        if not await self._finish(claimed, ended):
            # Erased meanwhile, or given up for dead: then a later attempt owns the task, its media and its queue entry.
            self._files.erase_result(task_id, claimed.attempt)
            raise Retry
        log.info("task %s is %s after attempt %d", task_id, ended.state.value, ended.attempt)

    async def _finish(self, claimed: TaskRecord, ended: TaskRecord) -> bool:
        """Insists until Redis has answered: the work is done and its result is on disk."""
        while True:
            try:
                return await self._store.finish(claimed, ended, retention=self._config.retention)
            except (Overloaded, StorageFull) as error:
                log.warning("task %s cannot be completed yet: %s", claimed.task_id, error.message)
                await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _unexpected(self, claimed: TaskRecord, fault: Exception) -> TaskRecord:
        """The client learns that it was our fault, the operator reads why; unless its media went with its task."""
        owned = True
        with suppress(Overloaded):
            owned = claimed.task_id in await self._workforce.owned_by(self._config.name)
        foreseen = isinstance(fault, InputGone | InputDamaged)
        if owned:
            log.error("task %s failed: %s", claimed.task_id, fault, exc_info=None if foreseen else fault)
        words = f"{fault}: send it again" if foreseen else "the task failed unexpectedly; it may succeed when repeated"
        return claimed.refused(TaskState.FAILED, TaskInternalError(words).body())
