"""What one worker has under way: each task from its claim to its end, or until it is given back.

Who owns a task, how often it has been tried and what came of it is decided by its record alone.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress

from onnx_models import stages
from onnx_models.passage import Stopped
from schemas.correlation import about
from schemas.errors import Overloaded, StorageFull, TaskInternalError
from schemas.task import TaskState
from tasks.appetite import Appetite
from tasks.attempt import Attempts
from tasks.files import FileStore, InputDamaged, InputGone
from tasks.jobs import jobs
from tasks.metrics import work
from tasks.metrics.tally import Tally
from tasks.record import RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tasks.tracing import Tracing, trace_id
from tasks.workforce import Workforce

log = logging.getLogger(__name__)

# Until Redis is asked once more for what it has not answered.
_BREATH_SECONDS = 0.5


class UnderWay:
    """The tasks of the worker `name` among its `workforce`, as many at a time as `appetite` says. What ends is kept for
    `retention` seconds, and counted in `tally`.

    When `give_back` is set, what runs stops between two blocks and goes back to the queue. `freed` is set whenever
    there may be room for another: as soon as an attempt is made, and so before Redis knows of its end.
    """

    def __init__(
        self,
        name: str,
        store: TaskStore,
        workforce: Workforce,
        *,
        files: FileStore,
        attempts: Attempts,
        appetite: Appetite,
        retention: float,
        tally: Tally,
        tracing: Tracing,
    ) -> None:
        self._name, self._store, self._workforce, self._files = name, store, workforce, files
        self._attempts, self._appetite, self._retention, self._tally = attempts, appetite, retention, tally
        self._tracing = tracing
        self.give_back = threading.Event()
        # From before their claim to the end of their attempt, and from there on until Redis knows of it; and what drops
        # those whose attempts run, when they are erased and need no end.
        self._wanted: dict[str, TaskRecord] = {}
        self._ending: set[str] = set()
        self._dropping: dict[str, threading.Event] = {}
        self.freed = asyncio.Event()
        self._threads = ThreadPoolExecutor(appetite.most, thread_name_prefix="attempt")

    @property
    def left(self) -> int:
        """How many more tasks could be taken at most."""
        return self._appetite.left(self._wanted.values())

    @property
    def busy(self) -> bool:
        """Whether an attempt is made, or about to be."""
        return bool(self._wanted)

    async def chosen(self, stored: Mapping[str, bytes | None]) -> tuple[list[TaskRecord], list[str]]:
        """Of the tasks that have an entry in the queue, each with what is stored of it, those whose `attempt` is to be
        made now, and those whose entry stands for nothing that waits. One with a damaged record ends as failed."""
        waiting, idle = [], []
        for task_id, data in stored.items():
            record = None if data is None else self._readable(task_id, data)
            if data is not None and record is None:
                await self._fail(task_id)
            elif record is None or record.state is not TaskState.PENDING:
                idle.append(task_id)
            elif task_id not in self._wanted and task_id not in self._ending:
                waiting.append(record)
        chosen = self._appetite.chosen(waiting, self._wanted.values())
        self._wanted |= {record.task_id: record for record in chosen}
        return chosen, idle

    async def attempt(self, record: TaskRecord) -> None:
        """Takes a task that was chosen, unless another was first, and sees it to its end."""
        try:
            claimed = await self._store.claim(record, self._name)
            if claimed is not None:
                work.claimed(self._tally, claimed)
                with _about(claimed):
                    await self._see_through(claimed)
        except (Overloaded, StorageFull) as error:
            # Should it be ours all the same, it is found when it is compared.
            log.debug("task %s is left alone: %s", record.task_id, error.message)
            await asyncio.sleep(_BREATH_SECONDS)
        finally:
            self._free(record.task_id)
            self._ending.discard(record.task_id)

    def _free(self, task_id: str) -> None:
        """There is room for another in its place, if it has had one until now."""
        if self._wanted.pop(task_id, None) is not None:
            self._ending.add(task_id)
            self.freed.set()

    def running(self) -> dict[str, threading.Event]:
        """The tasks whose attempts run, by what drops them."""
        return dict(self._dropping)

    async def compare(self, running: Mapping[str, threading.Event], owned: Set[str]) -> None:
        """Drops what was erased; gives back what this worker has without knowing: its claim was not answered. `owned`
        is what it has in Redis, as it was seen after `running` was."""
        for task_id in running.keys() - owned:
            running[task_id].set()
        for task_id in owned - self._wanted.keys() - self._ending:
            with suppress(RecordDamaged):  # which is for those to end who find it
                record = await self._store.fetch(task_id)
                if record is not None and record.worker == self._name and not record.state.terminal:
                    await self._store.requeue(record)

    async def _see_through(self, claimed: TaskRecord) -> None:
        task_id = claimed.task_id
        dropped = self._dropping[task_id] = threading.Event()
        try:
            ended = await asyncio.get_running_loop().run_in_executor(self._threads, self._run, claimed, dropped)
        except Stopped:
            # Of a task that was erased there is nothing to give back, and this does nothing.
            await self._store.requeue(claimed)
            return
        except Exception as fault:
            ended = await self._unexpected(claimed, fault)
        finally:
            del self._dropping[task_id]
            self._free(task_id)
        if await self._finish(claimed, ended):
            log.info("task %s is %s after attempt %d", task_id, ended.state.value, ended.attempt)
        else:
            # Erased meanwhile, or given up for dead: then a later attempt owns the task, its media and its queue entry.
            self._files.erase_result(task_id, claimed.attempt)

    def _run(self, claimed: TaskRecord, dropped: threading.Event) -> TaskRecord:
        began, began_ns, outcome = time.thread_time(), time.time_ns(), "given up"
        try:
            # A thread knows nothing of who has sent it.
            with stages.watched() as watch, _about(claimed):
                ended = self._attempts.run(claimed, lambda: self.give_back.is_set() or dropped.is_set())
            outcome = ended.state.value
            return ended
        finally:
            self._appetite.measured(claimed.technology, time.thread_time() - began)
            work.attempted(self._tally, claimed.technology, watch)
            self._tracing.attempted(claimed, began_ns, watch, outcome)

    async def _finish(self, claimed: TaskRecord, ended: TaskRecord) -> bool:
        """Insists until Redis has answered: the work is done and its result is on disk."""
        while True:
            try:
                return await self._store.finish(claimed, ended, retention=self._retention)
            except (Overloaded, StorageFull) as error:
                log.warning("task %s cannot be completed yet: %s", claimed.task_id, error.message)
                await asyncio.sleep(_BREATH_SECONDS)

    def _readable(self, task_id: str, data: bytes) -> TaskRecord | None:
        """The record, unless it is damaged or of what is not done here."""
        with suppress(RecordDamaged):
            record = self._store.unpack(task_id, data)
            if record.technology in jobs():
                return record
        return None

    async def _fail(self, task_id: str) -> None:
        try:
            record = await self._store.fetch(task_id)
            if record is None or record.technology in jobs():
                return
            raise RecordDamaged("the task record is of a technology that is not known here")
        except RecordDamaged as error:
            await self._store.fail_damaged(task_id, error, retention=self._retention)

    async def _unexpected(self, claimed: TaskRecord, fault: Exception) -> TaskRecord:
        """The client learns that it was our fault, the operator reads why; unless its media went with its task."""
        owned = True
        with suppress(Overloaded):
            owned = claimed.task_id in await self._workforce.owned_by(self._name)
        foreseen = isinstance(fault, InputGone | InputDamaged)
        if owned:
            log.error("task %s failed: %s", claimed.task_id, fault, exc_info=None if foreseen else fault)
        words = f"{fault}: send it again" if foreseen else "the task failed unexpectedly; it may succeed when repeated"
        return claimed.refused(TaskState.FAILED, TaskInternalError(words).body())


def _about(record: TaskRecord) -> AbstractContextManager[None]:
    return about(task_id=record.task_id, trace_id=trace_id(record.traceparent))
