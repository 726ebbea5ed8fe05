"""One attempt, its job and its result."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from onnx_models.passage import Stopped
from onnx_models.served import Served
from schemas import json
from schemas.quality import DEFAULT_THRESHOLDS
from schemas.signatures import UNSIGNED
from schemas.task import TaskState
from schemas.technologies import technologies
from schemas.voiceprint import encode, to_base64
from tasks.attempt import Attempts
from tasks.files import LocalFileStore
from tasks.record import TaskRecord
from tests.unit.schemas.sample_voiceprints import voiceprint
from tests.unit.tasks.made_tasks import TASK_ID

CONVERSION = technologies()["speaker-identification-voiceprint-conversion"]


async def attempted(folder: Path, texts: list[str], stop: Callable[[], bool]) -> tuple[TaskRecord, LocalFileStore]:
    """The end of a conversion whose result finds no room when it is first written."""
    files = LocalFileStore(folder)
    async with files.upload(TASK_ID) as upload:
        await upload.write(json.encode({"voiceprints": texts}))
    (folder / "partial" / f"{TASK_ID}.1").symlink_to("/dev/full")
    record = TaskRecord(TASK_ID, CONVERSION.name, 1, input_sha256=upload.sha256, attempt=1, state=TaskState.RUNNING)
    models = cast("Served", None)  # no model takes part
    return Attempts(models, files, DEFAULT_THRESHOLDS, UNSIGNED, 60.0).run(record, stop), files


async def test_a_result_waits_for_room(tmp_path: Path) -> None:
    """One that is stored while it is made is made once more, and is whole."""
    made = voiceprint()
    ended, files = await attempted(tmp_path, [to_base64(encode(made))] * 3, lambda: False)
    assert ended.state is TaskState.DONE
    with files.open_result(TASK_ID, 1, ended.result_bytes, ended.result_sha256) as stored:
        shown: dict[str, Any] = json.decode(b"".join(CONVERSION.render(io.BytesIO(stored.read()))))
    assert np.array_equal(np.array(shown["vector_voiceprints"], np.float32), [made.vector] * 3)


async def test_whoever_waits_for_room_can_be_stopped(tmp_path: Path) -> None:
    """A worker that is to leave gives the task back."""
    asked = iter([False, True])
    with pytest.raises(Stopped):
        await attempted(tmp_path, [to_base64(encode(voiceprint()))], lambda: next(asked))
    assert not list((tmp_path / "results").iterdir())
