"""One attempt at one task: its job is run, and what comes of it becomes the end of the record."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from onnx_models.passage import Stopped
from onnx_models.served import Served
from onnx_models.stages import REST, STORE, stage, staged
from schemas import json
from schemas.errors import Refusal, StorageFull, TaskInternalError, TaskRefusal
from schemas.quality import Thresholds
from schemas.signatures import Signatures
from schemas.task import TaskState
from schemas.technologies import technologies
from tasks.files import FileStore
from tasks.jobs import Work, jobs
from tasks.record import TaskRecord, fits_inline
from tasks.watchdog import bounded

log = logging.getLogger(__name__)

# How often it is tried to write what found no room.
_ROOM_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts with the `models` that are open here, on media in `files`; `quality` and `signatures` are as in Work.

    A job that takes longer than `longest` seconds hangs: its process ends with it. For any number of threads.
    """

    models: Served
    files: FileStore
    quality: Thresholds
    signatures: Signatures
    longest: float

    def run(self, record: TaskRecord, stop: Callable[[], bool]) -> TaskRecord:
        """The record as the task ends, its result written. Not for event loops.

        While the disk is full it keeps the result, or makes it anew, and waits: the task has been promised one. Raises
        Stopped when `stop` says that the attempt is to be given up, InputGone or InputDamaged for its upload, and
        whatever nobody foresaw.
        """
        try:
            return record.done(*self._with_room(record, stop, lambda: self._worked(record, stop)))
        except TaskRefusal as refusal:
            return self._refused(record, refusal, stop)
        except Refusal as refusal:
            return self._refused(record, TaskInternalError(refusal.message), stop)

    def _worked(self, record: TaskRecord, stop: Callable[[], bool]) -> tuple[int, bytes]:
        technology = technologies()[record.technology]
        opening = self.files.read_input if technology.streams else self.files.open_input
        with bounded(self.longest), opening(record.task_id, record.input_sha256) as opened:
            work = Work(
                parameters=technology.parameters.model_validate(record.parameters),
                input=opened,
                input_sha256=record.input_sha256,
                created_ms=record.created_ms,
                models=self.models,
                stop=stop,
                quality=self.quality,
                signatures=self.signatures,
            )
            result = jobs()[record.technology](work)
            if not isinstance(result, bytes):
                with stage(STORE):
                    return self.files.write_result(record.task_id, record.attempt, staged(REST, result))
        return self._written(record, result, stop)

    def _refused(self, record: TaskRecord, refusal: TaskRefusal, stop: Callable[[], bool]) -> TaskRecord:
        state = TaskState.FAILED if refusal.retryable else TaskState.REJECTED
        log.log(
            logging.WARNING if refusal.retryable else logging.INFO,
            "task %s ends as %s: %s",
            record.task_id,
            state.value,
            refusal.message,
        )
        if fits_inline(refusal):
            return record.refused(state, refusal.body())
        return record.refused(state, None, self._written(record, json.encode(refusal.body()), stop))

    def _written(self, record: TaskRecord, data: bytes, stop: Callable[[], bool]) -> tuple[int, bytes]:
        with stage(STORE):
            return self._with_room(record, stop, lambda: self.files.write_result(record.task_id, record.attempt, data))

    def _with_room(
        self, record: TaskRecord, stop: Callable[[], bool], write: Callable[[], tuple[int, bytes]]
    ) -> tuple[int, bytes]:
        told = False
        while True:
            try:
                return write()
            except StorageFull as error:
                if not told:
                    log.warning("task %s waits for room for its result: %s", record.task_id, error.message)
                told = True
            if stop():
                raise Stopped("there is no room for its result") from None
            time.sleep(_ROOM_SECONDS)
