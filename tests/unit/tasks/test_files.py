"""The file store: whole files or none, for their owner alone, for as long as they are needed."""

import asyncio
import hashlib
import os
import threading
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from uuid import UUID

import pytest

from schemas.errors import StorageFull
from tasks.files import InputGone, LocalFileStore, ResultDamaged, ResultGone
from tests.patience import PATIENCE
from tests.unit.tasks.made_tasks import SHA256, TASK_ID

DATA = bytes(range(256)) * 1000


@pytest.fixture
def files(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "store")


def listed(tmp_path: Path) -> list[str]:
    """All files of the store, with their folders."""
    root = tmp_path / "store"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


async def store_input(files: LocalFileStore, task_id: str) -> Path:
    async with files.upload(task_id) as upload:
        await upload.write(DATA)
    return files.input(task_id)


async def test_an_upload_is_there_when_it_is_whole(files: LocalFileStore, tmp_path: Path) -> None:
    """Nobody sees an upload before its last byte is on disk; then it is there, counted and hashed, and nothing else."""
    async with files.upload(TASK_ID) as upload:
        for start in range(0, len(DATA), 1000):
            await upload.write(DATA[start : start + 1000])
        assert not files.input(TASK_ID).exists()
    assert files.input(TASK_ID).read_bytes() == DATA
    assert (upload.size, upload.sha256) == (len(DATA), hashlib.sha256(DATA).digest())
    assert listed(tmp_path) == [f"inputs/{TASK_ID}"]


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
async def test_a_broken_upload_leaves_nothing(
    files: LocalFileStore, tmp_path: Path, error: type[BaseException]
) -> None:
    """An upload that fails or whose client goes away is removed, and its error is passed on."""

    async def break_off() -> None:
        async with files.upload(TASK_ID) as upload:
            for _ in range(10):
                await upload.write(DATA)
            assert listed(tmp_path) == [f"partial/{TASK_ID}"]
            raise error

    with pytest.raises(error):
        await break_off()
    assert listed(tmp_path) == []


async def test_who_is_cancelled_leaves_no_thread_behind(files: LocalFileStore, tmp_path: Path) -> None:
    """An upload that is given up while a thread still works on it ends when the thread has, and leaves nothing."""

    class Slow:
        def __init__(self) -> None:
            self.begun, self.going_on = threading.Event(), threading.Event()

        def add(self, data: bytes, /) -> bytes:
            self.begun.set()
            assert self.going_on.wait(PATIENCE)
            return data

        def end(self) -> bytes:
            return b""

    form = Slow()

    async def uploading() -> None:
        async with files.upload(TASK_ID, form=form) as upload:
            await upload.write(DATA)

    task = asyncio.create_task(uploading())
    await asyncio.to_thread(form.begun.wait, PATIENCE)
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()
    form.going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [name for name in listed(tmp_path) if name.startswith("partial")] == []


async def test_many_uploads_keep_little_back(files: LocalFileStore, tmp_path: Path) -> None:
    """Of a few uploads a megabyte each waits in memory, of a crowd that stands still no more than of some dozens; those
    that end or break off give their share back."""
    piece = bytes(1 << 19)

    def written() -> int:
        return len(listed(tmp_path))

    async with AsyncExitStack() as first:
        for number in range(127):
            await (await first.enter_async_context(files.upload(str(UUID(int=number))))).write(piece)
        assert written() == 0
        with suppress(RuntimeError):
            async with files.upload(str(UUID(int=127))) as late:
                await late.write(piece)
                assert written() == 1
                raise RuntimeError
        async with files.upload(str(UUID(int=128))) as late:
            await late.write(piece[1:])
            assert written() == 0
    async with files.upload(str(UUID(int=129))) as alone:
        await alone.write(piece)
        assert written() == 128


@pytest.mark.parametrize("size", [10, 10_000_000], ids=["at the end", "on the way"])
async def test_an_upload_to_a_full_disk_is_full_storage(files: LocalFileStore, tmp_path: Path, size: int) -> None:
    """A full disk, noticed while writing or at the last flush, is told as such, and nothing stays."""
    (tmp_path / "store" / "partial" / TASK_ID).symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        async with files.upload(TASK_ID) as upload:
            await upload.write(bytes(size))
    assert listed(tmp_path) == []


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_result_for_a_full_disk_is_full_storage(files: LocalFileStore, tmp_path: Path, size: int) -> None:
    """A result that finds no room is refused by name and leaves nothing."""
    (tmp_path / "store" / "partial" / f"{TASK_ID}.1").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        files.write_result(TASK_ID, 1, bytes(size))
    assert listed(tmp_path) == []


def test_other_errors_are_not_called_a_full_disk(files: LocalFileStore, tmp_path: Path) -> None:
    """A store that somebody broke is not told as one that is full."""
    (tmp_path / "store" / "partial").rmdir()
    with pytest.raises(FileNotFoundError):
        files.write_result(TASK_ID, 1, DATA)


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Folders as well, whatever the mask of the process."""
    before = os.umask(0)
    try:
        files = LocalFileStore(tmp_path / "store")
        files.write_result(TASK_ID, 1, DATA)
        upload = await store_input(files, TASK_ID)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (upload, files.result(TASK_ID, 1))] == [0o600, 0o600]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "store").iterdir()} == {0o700}


def test_a_result_comes_back(files: LocalFileStore, tmp_path: Path) -> None:
    """What was stored is read from its start, as many bytes and with the hash that were told."""
    size, sha256 = files.write_result(TASK_ID, 2, DATA)
    assert (size, sha256) == (len(DATA), hashlib.sha256(DATA).digest())
    with files.open_result(TASK_ID, 2, size, sha256) as stored:
        assert stored.read() == DATA
    assert listed(tmp_path) == [f"results/{TASK_ID}.2"]


def test_each_attempt_has_a_result_of_its_own(files: LocalFileStore) -> None:
    """An attempt that was given up and comes late overwrites nothing."""
    first, second = files.write_result(TASK_ID, 1, b"first"), files.write_result(TASK_ID, 2, b"second")
    files.erase_result(TASK_ID, 1)
    with files.open_result(TASK_ID, 2, *second) as stored:
        assert stored.read() == b"second"
    with pytest.raises(ResultGone):
        files.open_result(TASK_ID, 1, *first)


@pytest.mark.parametrize("damage", [DATA[:-1], DATA + b"x", b"", DATA[:100] + b"x" + DATA[101:]])
def test_a_changed_result_is_damaged(files: LocalFileStore, tmp_path: Path, damage: bytes) -> None:
    """A result of another length or content is never shown."""
    told = files.write_result(TASK_ID, 1, DATA)
    (tmp_path / "store" / "results" / f"{TASK_ID}.1").write_bytes(damage)
    with pytest.raises(ResultDamaged):
        files.open_result(TASK_ID, 1, *told)


async def test_erasing_is_final_and_may_be_repeated(files: LocalFileStore, tmp_path: Path) -> None:
    """What is erased is gone from the disk, and erasing it again is no error."""
    await store_input(files, TASK_ID)
    files.write_result(TASK_ID, 1, DATA)
    for _ in range(2):
        files.erase_input(TASK_ID)
        files.erase_result(TASK_ID, 1)
    assert listed(tmp_path) == []


def test_the_folders_are_private(files: LocalFileStore, tmp_path: Path) -> None:
    """Nobody but the service's own user can look at media and results."""
    assert files.free_space() > 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "store").iterdir()}
    assert modes == {"partial": 0o700, "inputs": 0o700, "results": 0o700}


async def test_a_second_store_on_the_folder_sees_the_same(files: LocalFileStore, tmp_path: Path) -> None:
    """Another process or machine that shares the folder finds what the first one stored."""
    path = await store_input(files, TASK_ID)
    told = files.write_result(TASK_ID, 1, DATA)
    other = LocalFileStore(tmp_path / "store")
    assert other.input(TASK_ID) == path
    with other.open_result(TASK_ID, 1, *told) as stored:
        assert stored.read() == DATA


@pytest.mark.parametrize(
    "name", ["/elsewhere/kept", "../../kept", "../inputs/kept", "kept", "..", "", TASK_ID.upper(), f"{TASK_ID}\n"]
)
async def test_only_ids_of_tasks_name_files(files: LocalFileStore, tmp_path: Path, name: str) -> None:
    """Whoever makes up an id reaches no file with it, neither of the store nor of anybody else."""
    name = name.replace("/elsewhere", str(tmp_path))
    for folder in (tmp_path, tmp_path / "store" / "inputs", tmp_path / "store" / "results"):
        for ending in ("", ".1"):
            (folder / f"kept{ending}").write_bytes(DATA)
    before = listed(tmp_path)
    files.erase_input(name)
    files.erase_result(name, 1)
    files.erase_results(name)
    assert listed(tmp_path) == before
    assert (tmp_path / "kept").exists()
    assert (tmp_path / "kept.1").exists()
    with pytest.raises(InputGone):
        files.open_input(name, hashlib.sha256(DATA).digest())
    with pytest.raises(ResultGone):
        files.open_result(name, 1, len(DATA), SHA256)
    with pytest.raises(FileNotFoundError):
        files.write_result(name, 1, DATA)
    with pytest.raises(FileNotFoundError):
        await store_input(files, name)
    assert listed(tmp_path) == before


def test_probe_writes_and_leaves_nothing(files: LocalFileStore, tmp_path: Path) -> None:
    """The probe succeeds on a folder that can be written, fails on one that is gone, and leaves no file."""
    files.probe()
    assert listed(tmp_path) == []
    (tmp_path / "store" / "partial").rmdir()
    with pytest.raises(OSError, match="partial"):
        files.probe()


def test_a_full_disk_beside_it(tmp_path: Path) -> None:
    """Where the disk of the data folder is full, no room is promised on that of the store."""
    assert LocalFileStore(tmp_path, beside=tmp_path).free_space() > 0
    # A file system that never has any.
    assert LocalFileStore(tmp_path, beside=Path("/proc")).free_space() == 0
