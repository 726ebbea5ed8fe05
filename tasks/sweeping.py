"""What the file store keeps although no task needs it any more: files of processes that were killed before they could
erase them."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from schemas.task import TaskState
from tasks.files import FileStore
from tasks.record import TaskRecord
from tasks.store import TaskStore

log = logging.getLogger(__name__)

# A file without a task is left alone for this long: not every file system tells that its task is about to be submitted.
ORPHAN_SECONDS = 60.0
_AT_ONCE = 1000

_T = TypeVar("_T")


class Sweeper:
    """Removes files by what the records say. How long a file has been without one is told by the times at which this
    looked: the time of day, and with it that of the files, may be put forward or back."""

    def __init__(self, store: TaskStore, files: FileStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._orphans: dict[str, dict[Any, float]] = {}

    async def inputs(self) -> int:
        """Erases uploads of tasks that have ended, and in time those without a task; returns how many."""
        lost: set[str] = set()
        erased = 0
        for some in _batches(await asyncio.to_thread(list, self._files.inputs())):
            still_open = await self._store.still_open(some)
            others = [task_id for task_id in some if task_id not in still_open]
            records = await self._store.records(others)
            ended = [task_id for task_id, record in records.items() if record and record.state.terminal]
            await asyncio.to_thread(_each, self._files.erase_input, [(task_id,) for task_id in ended])
            erased += len(ended)
            lost |= {task_id for task_id in others if task_id not in records}
        orphans = await self._unsubmitted(self._in_time("inputs", lost))
        await asyncio.to_thread(_each, self._files.erase_input, [(task_id,) for task_id in orphans])
        return erased + len(orphans)

    async def _unsubmitted(self, task_ids: Sequence[str]) -> list[str]:
        """Those that nobody can submit any more. Whoever had an upload in hand may have been stopped all the while: who
        has let go of it has submitted it by then or never will, so the records are asked last."""
        held = await asyncio.to_thread(lambda: set(filter(self._files.is_held, task_ids)))
        let_go = [task_id for task_id in task_ids if task_id not in held]
        submitted = await self._store.records(let_go)
        return [task_id for task_id in let_go if task_id not in submitted]

    async def results(self) -> int:
        """Erases results of other attempts than the one with which their task has ended, and in time those without a
        task; returns how many."""
        lost: set[tuple[str, int]] = set()
        erased = 0
        for some in _batches(await asyncio.to_thread(list, self._files.results())):
            records = await self._store.records([task_id for task_id, _ in some])
            lost |= {one for one in some if one[0] not in records}
            idle = [one for one in some if (record := records.get(one[0])) and not _needs(record, one[1])]
            await asyncio.to_thread(_each, self._files.erase_result, idle)
            erased += len(idle)
        orphans = self._in_time("results", lost)
        await asyncio.to_thread(_each, self._files.erase_result, orphans)
        return erased + len(orphans)

    def partial(self) -> int:
        """Erases what was on its way in and has lost its process; returns how many."""
        gone = self._in_time("partial", self._files.abandoned())
        for name in gone:
            self._files.erase_abandoned(name)
        return len(gone)

    def _in_time(self, kind: str, found: Iterable[_T]) -> list[_T]:
        """Those that were found for as long as a file may be without a task."""
        now = self._clock()
        known = self._orphans.get(kind, {})
        since = {name: known.get(name, now) for name in found}
        self._orphans[kind] = since
        return [name for name, first in since.items() if now - first >= ORPHAN_SECONDS]


def _needs(record: TaskRecord, attempt: int) -> bool:
    if record.attempt != attempt:
        return False
    return record.state is TaskState.RUNNING or (record.state.terminal and record.result_bytes > 0)


def _each(erase: Callable[..., None], which: Iterable[tuple[Any, ...]]) -> None:
    failed = []
    for one in which:
        try:
            erase(*one)
        except OSError as error:
            failed.append(f"task {one[0]}: {error.strerror}")
    if failed:
        # They are tried again the next time; the others have gone.
        log.warning("the files of some tasks cannot be erased (%d), the first is of %s", len(failed), failed[0])


def _batches(names: Iterable[_T]) -> Iterator[Sequence[_T]]:
    rest = iter(names)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
