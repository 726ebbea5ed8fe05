"""The sweep: files of tasks that have ended, and of processes that were killed, go; those that are needed stay."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.task import TaskState
from tasks.files import LocalFileStore
from tasks.store import TaskStore
from tasks.sweeping import ORPHAN_SECONDS, Sweeper
from tests.patience import PATIENCE
from tests.unit.tasks.made_tasks import RETENTION, TASK_ID, claimed, done, submitted, with_files

# More than is kept back of an upload before its file is made.
ENOUGH = bytes(3 << 20)


@pytest.fixture
def files(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "store")


class Swept:
    """A sweeper and its clock."""

    def __init__(self, store: TaskStore, files: LocalFileStore) -> None:
        self.now = 0.0
        self._sweeper = Sweeper(store, files, clock=lambda: self.now)

    async def everything(self) -> int:
        return await self._sweeper.inputs() + await self._sweeper.results() + self._sweeper.partial()


@pytest.fixture
def swept(store: TaskStore, files: LocalFileStore) -> Swept:
    return Swept(store, files)


def listed(tmp_path: Path) -> list[str]:
    root = tmp_path / "store"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


async def test_what_is_needed_stays(store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path) -> None:
    """However long it takes: media of open tasks, results of tasks that have ended, and the one that is being
    written, and what is on its way in."""
    await with_files(files, await submitted(store))
    await with_files(files, await claimed(store), attempts=1)
    ended = await done(store)
    files.write_result(ended.task_id, ended.attempt, b"a result")
    async with files.upload(TASK_ID) as upload:
        await upload.write(ENOUGH)
        before = listed(tmp_path)
        assert f"partial/{TASK_ID}" in before
        for _ in range(3):
            assert await swept.everything() == 0
            swept.now += 10 * ORPHAN_SECONDS
        assert listed(tmp_path) == before


async def test_media_of_an_ended_task_goes_at_once(
    store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path
) -> None:
    """A worker that was killed between the end of its task and the erasing of its media leaves them for no minute."""
    running = await claimed(store)
    await with_files(files, running, attempts=1)
    await done(store, running)
    assert await swept.everything() == 1
    assert listed(tmp_path) == [f"results/{running.task_id}.1"]


async def test_results_of_attempts_that_do_not_count_go(
    store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path
) -> None:
    """A worker that was killed between its result and the end of the task leaves a file that the next attempt makes
    again under another name; whatever comes of that, the first one goes."""
    waits = await claimed(store)
    await with_files(files, waits, attempts=1)
    assert await store.requeue(waits, crashed=True)
    failed = await claimed(store)
    files.write_result(failed.task_id, 1, b"a result")
    assert await store.finish(failed, failed.refused(TaskState.FAILED, {}), retention=RETENTION)
    again = await claimed(store)
    assert await store.requeue(again, crashed=True)
    second = await claimed(store, again.released(crashed=True))
    for attempt in (1, 2):
        files.write_result(second.task_id, attempt, b"a result")
    await done(store, second)
    assert await swept.everything() == 3
    assert listed(tmp_path) == sorted([f"inputs/{waits.task_id}", f"results/{second.task_id}.2"])


async def test_one_file_that_stays_keeps_no_other(
    store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be erased is named with its task, and all others go."""
    ended = await done(store)
    (tmp_path / "store" / "results" / f"{ended.task_id}.2").mkdir()
    for attempt in (3, 4):
        files.write_result(ended.task_id, attempt, b"a result")
    await swept.everything()
    assert listed(tmp_path) == []
    assert f"the first is of task {ended.task_id}" in caplog.text


async def test_files_without_a_task_go_in_time(
    store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path
) -> None:
    """Media whose task may be about to be submitted stay for a minute of the sweeper's own clock, and the time of day
    does not matter; the same holds for results and for uploads whose process has died."""
    orphan = replace(await submitted(store), task_id=TASK_ID)
    await with_files(files, orphan, attempts=1)
    (tmp_path / "store" / "partial" / "lost").write_bytes(b"half")
    assert await swept.everything() == 0
    swept.now += ORPHAN_SECONDS - 1
    assert await swept.everything() == 0
    swept.now += 1
    assert await swept.everything() == 3
    assert listed(tmp_path) == []


async def test_a_task_that_comes_in_time_keeps_its_media(
    store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path
) -> None:
    """What was an orphan and is one no longer is none."""
    record = replace(await claimed(store), task_id=TASK_ID)
    await with_files(files, record)
    assert await swept.everything() == 0
    await submitted(store, task_id=TASK_ID)
    swept.now += 10 * ORPHAN_SECONDS
    assert await swept.everything() == 0
    assert listed(tmp_path) == [f"inputs/{TASK_ID}"]


async def test_an_upload_in_hand_is_no_orphan(files: LocalFileStore, swept: Swept, tmp_path: Path) -> None:
    """However long its process was stopped before it submits the task, which then has its media; once it has let go of
    them without a task, they go."""
    with ExitStack() as submitted_by_then:
        async with files.upload(TASK_ID, submitted_by_then):
            pass
        for _ in range(3):
            assert await swept.everything() == 0
            swept.now += 10 * ORPHAN_SECONDS
        assert listed(tmp_path) == [f"inputs/{TASK_ID}"]
    assert await swept.everything() == 1
    assert listed(tmp_path) == []


async def test_an_upload_is_let_go_when_its_task_is_there(store: TaskStore, tmp_path: Path) -> None:
    """A process that goes on in the middle of a sweep, after so long, submits its task and lets go of the upload: the
    sweep, which had found no task before, looks again."""

    class GoesOn(LocalFileStore):
        def is_held(self, task_id: str) -> bool:
            going_on = asyncio.run_coroutine_threadsafe(submitted(store, task_id=task_id), loop)
            going_on.result(PATIENCE)
            in_hand.close()
            return super().is_held(task_id)

    loop, in_hand, files = asyncio.get_running_loop(), ExitStack(), GoesOn(tmp_path / "store")
    async with files.upload(TASK_ID, in_hand):
        pass
    swept = Swept(store, files)
    assert await swept.everything() == 0
    swept.now += ORPHAN_SECONDS
    assert await swept.everything() == 0
    assert listed(tmp_path) == [f"inputs/{TASK_ID}"]


async def test_a_damaged_record_is_no_reason_to_erase(
    store: TaskStore, files: LocalFileStore, swept: Swept, tmp_path: Path
) -> None:
    """Whoever ends its task decides; until then everything stays."""
    record = await claimed(store)
    await with_files(files, record, attempts=1)
    await store.redis.setrange(f"voiceprint:task:{record.task_id}", 40, b"\xff")
    for _ in range(2):
        assert await swept.everything() == 0
        swept.now += 10 * ORPHAN_SECONDS
    assert len(listed(tmp_path)) == 2


async def test_an_upload_outlives_its_killed_process_by_a_minute(swept: Swept, tmp_path: Path) -> None:
    """It stays while its process lives, however long nothing has come, and goes once that is gone."""
    code = f"""
import asyncio, pathlib, tasks.files
async def uploading():
    async with tasks.files.LocalFileStore(pathlib.Path({str(tmp_path / "store")!r})).upload({TASK_ID!r}) as upload:
        await upload.write(bytes({len(ENOUGH)}))
        print("open", flush=True)
        await asyncio.Event().wait()
asyncio.run(uploading())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    for _ in range(2):
        assert await swept.everything() == 0
        swept.now += 10 * ORPHAN_SECONDS
    process.kill()
    await process.wait()
    assert await swept.everything() == 0
    swept.now += ORPHAN_SECONDS
    assert await swept.everything() == 1


async def test_two_sweeps_at_once_do_not_mind_each_other(
    store: TaskStore, files: LocalFileStore, tmp_path: Path
) -> None:
    """What another removed first is no error."""
    for _ in range(50):
        running = await claimed(store)
        await with_files(files, running, attempts=1)
        await store.finish(running, running.refused(TaskState.FAILED, {}), retention=RETENTION)
    await asyncio.gather(*(Swept(store, LocalFileStore(tmp_path / "store")).everything() for _ in range(4)))
    assert listed(tmp_path) == []
