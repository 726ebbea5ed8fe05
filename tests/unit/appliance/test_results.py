"""Results on their way out: read once for many, and kept for a moment only."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from appliance import results
from appliance.results import Results
from schemas import json
from schemas.representations import JSON, MSGPACK
from schemas.task import TaskState
from tasks.files import LocalFileStore, ResultDamaged, ResultGone
from tasks.record import TaskRecord
from tests.patience import eventually
from tests.unit.tasks.made_tasks import TASK_ID

NAME = "speaker-identification-voiceprint-extraction"
REFUSALS = json.encode({"type": "a-refusal"})


class Counting(LocalFileStore):
    """Knows how often a result was read, and in which thread the last time."""

    opened = 0
    thread: threading.Thread | None = None

    def open_result(self, task_id: str, attempt: int, size: int, sha256: bytes) -> BinaryIO:
        self.opened += 1
        self.thread = threading.current_thread()
        return super().open_result(task_id, attempt, size, sha256)


@pytest.fixture
def files(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "store")


def ended(files: LocalFileStore, attempt: int = 1) -> TaskRecord:
    """A task that was rejected for more than its record holds."""
    stored = files.write_result(TASK_ID, attempt, REFUSALS)
    running = TaskRecord(TASK_ID, NAME, created_ms=1, attempt=attempt)
    return running.refused(TaskState.REJECTED, None, stored)


async def test_what_many_ask_for_is_read_once(files: Counting) -> None:
    """Whoever asks in the next moment for the same attempt in the same form has it from memory; another attempt and
    another form are others."""
    found, kept = ended(files), Results(files)
    answers = [await kept.whole(found, JSON) for _ in range(5)]
    assert {json.decode(answer)["error"]["type"] for answer in answers} == {"a-refusal"}
    assert files.opened == 1
    await kept.whole(found, MSGPACK)
    await kept.whole(ended(files, attempt=2), JSON)
    assert files.opened == 3


async def test_only_what_is_quick_is_read_at_once(files: Counting) -> None:
    """What is short and was just written is read where it is asked for; what is long, may have to come from a disk, or
    is wanted in another form than JSON, in a thread."""
    found, here = ended(files), threading.current_thread()
    long = files.write_result(TASK_ID, 2, json.encode({"type": "a-refusal", "message": 9000 * "x"}))
    of_long = replace(found, attempt=2).refused(TaskState.REJECTED, None, long)
    for record, form, at_once in (
        (found, JSON, True),
        (found, MSGPACK, False),
        (replace(found, ended_ms=found.ended_ms - 20_000), JSON, False),
        (of_long, JSON, False),
    ):
        await Results(files).whole(record, form)
        assert (files.thread is here) == at_once


async def test_what_was_erased_or_changed_is_handed_out_no_more(files: Counting) -> None:
    """Not even in the next moment, whoever did it."""
    found, kept = ended(files), Results(files)
    await kept.whole(found, JSON)
    path = files.result(TASK_ID, 1)
    path.write_bytes(bytes(len(REFUSALS)))
    with pytest.raises(ResultDamaged):
        await kept.whole(found, JSON)
    path.unlink()
    with pytest.raises(ResultGone):
        await kept.whole(found, JSON)


async def test_what_is_kept_goes_by_itself(files: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not there for longer than a moment, whether anybody asks for it again or not."""
    monkeypatch.setattr(results, "_KEPT_SECONDS", 0.0)
    found, kept = ended(files), Results(files)
    await asyncio.gather(*(kept.whole(found, JSON) for _ in range(5)))
    await eventually(lambda: (kept._kept, kept._kept_bytes) == ({}, 0))
    files.erase_result(TASK_ID, 1)
    with pytest.raises(ResultGone):
        await kept.whole(found, JSON)


async def test_no_more_is_kept_than_there_is_room_for(files: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is read each time."""
    monkeypatch.setattr(results, "_KEPT_BYTES", 1)
    found, kept = ended(files), Results(files)
    for times in (1, 2, 3):
        await kept.whole(found, JSON)
        assert files.opened == times
