"""One attempt at one task: its job is run, and what comes of it becomes the end of the record."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from onnx_models.served import Served
from schemas import json
from schemas.errors import Refusal, StorageFull, TaskInternalError, TaskRefusal
from schemas.quality import Thresholds
from schemas.signatures import Signatures
from schemas.task import TaskState
from schemas.technologies import technologies
from tasks.files import FileStore
from tasks.jobs import Work, jobs
from tasks.record import TaskRecord, fits_inline

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts with the `models` that are open here, on media in `files`; `quality` and `signatures` are as in Work."""

    models: Served
    files: FileStore
    quality: Thresholds
    signatures: Signatures

    def run(self, record: TaskRecord, stop: Callable[[], bool]) -> TaskRecord:
        """The record as the task ends, its result written. Not for event loops.

        Raises Stopped when `stop` says that the attempt is to be given up, InputGone or InputDamaged for its upload,
        and whatever nobody foresaw.
        """
        try:
            with self.files.open_input(record.task_id, record.input_sha256) as opened:
                work = Work(
                    parameters=technologies()[record.technology].parameters.model_validate(record.parameters),
                    input=opened,
                    input_sha256=record.input_sha256,
                    created_ms=record.created_ms,
                    models=self.models,
                    stop=stop,
                    quality=self.quality,
                    signatures=self.signatures,
                )
                result = jobs()[record.technology](work)
            return record.done(*self.files.write_result(record.task_id, record.attempt, result))
        except TaskRefusal as refusal:
            return self._refused(record, refusal)
        except Refusal as refusal:
            return self._refused(record, TaskInternalError(refusal.message))

    def _refused(self, record: TaskRecord, refusal: TaskRefusal) -> TaskRecord:
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
        try:
            stored = self.files.write_result(record.task_id, record.attempt, json.encode(refusal.body()))
        except StorageFull:
            return record.refused(state, type(refusal)(refusal.message).body())
        return record.refused(state, None, stored)
