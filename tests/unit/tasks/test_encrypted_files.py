"""The file store with a key ring: the same promises as without, and nothing to read for whoever has the disk."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import StorageFull
from schemas.keyring import KeyRing
from tasks.files import InputDamaged, LocalFileStore, ResultDamaged
from tasks.sealing import CHUNK_BYTES
from tests.unit.tasks.made_tasks import OTHER_ID, TASK_ID

WORDS = b"words that nobody else may read. "
DATA = WORDS * 10_000
OLD = KeyRing({1: bytes(range(32))})
RING = KeyRing({1: bytes(range(32)), 2: bytes(range(32, 64))})


def store(tmp_path: Path, ring: KeyRing | None = RING, *, encrypt: bool = True) -> LocalFileStore:
    return LocalFileStore(tmp_path / "store", ring and ring.derive("store"), encrypt=encrypt)


async def uploaded(files: LocalFileStore, task_id: str = TASK_ID, data: bytes = DATA) -> bytes:
    """Its SHA-256."""
    async with files.upload(task_id) as upload:
        for start in range(0, len(data), 50_000):
            await upload.write(data[start : start + 50_000])
    assert upload.size == len(data)
    return upload.sha256


def on_disk(tmp_path: Path) -> bytes:
    """Everything that lies in the store."""
    return b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())


def result_path(tmp_path: Path, attempt: int = 1, task_id: str = TASK_ID) -> Path:
    return tmp_path / "store" / "results" / f"{task_id}.{attempt}"


async def test_an_upload_is_never_on_the_disk_in_clear(tmp_path: Path) -> None:
    """Not while it comes, when its file is partial, and not after; what is read is what was sent."""
    files, data = store(tmp_path), DATA * ((2 << 20) // len(DATA) + 1)
    async with files.upload(TASK_ID) as upload:
        for start in range(0, len(data), 100_000):
            await upload.write(data[start : start + 100_000])
            assert WORDS not in on_disk(tmp_path)
        assert len(on_disk(tmp_path)) >= CHUNK_BYTES
    assert upload.size == len(data)
    assert WORDS not in on_disk(tmp_path)
    with files.open_input(TASK_ID, upload.sha256) as opened:
        assert os.pread(opened.fileno(), len(data) + 1, 0) == data
        assert opened.read() == data


@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=len)
async def test_a_result_is_never_on_the_disk_in_clear(tmp_path: Path, data: bytes) -> None:
    """It is read in any pieces, and told of by the size and hash of what it says."""
    files = store(tmp_path)
    told = files.write_result(TASK_ID, 1, data)
    assert told == store(tmp_path / "other", None).write_result(TASK_ID, 1, data)
    assert WORDS not in on_disk(tmp_path)
    with files.open_result(TASK_ID, 1, *told) as stored:
        assert stored.read(100) == data[:100]
        assert stored.read() == data[100:]


async def test_files_cannot_be_swapped(tmp_path: Path) -> None:
    """An upload is no result, and none of another task or attempt, whatever its name is made to be."""
    files = store(tmp_path)
    sha256 = await uploaded(files)
    told = files.write_result(TASK_ID, 1, DATA)
    source = files.input(TASK_ID).read_bytes()
    files.input(OTHER_ID).write_bytes(source)
    for damaged in (
        lambda: files.open_input(OTHER_ID, sha256),
        lambda: (
            files.input(TASK_ID).write_bytes(result_path(tmp_path).read_bytes()) and files.open_input(TASK_ID, sha256)
        ),
    ):
        with pytest.raises(InputDamaged, match="damaged or altered"):
            damaged()
    for other in (result_path(tmp_path, attempt=2), result_path(tmp_path, task_id=OTHER_ID)):
        other.write_bytes(result_path(tmp_path).read_bytes())
    result_path(tmp_path).write_bytes(source)
    for task_id, attempt in ((TASK_ID, 2), (OTHER_ID, 1), (TASK_ID, 1)):
        with pytest.raises(ResultDamaged, match="damaged or altered"):
            files.open_result(task_id, attempt, *told)


@pytest.mark.parametrize("place", [0, 9, 20, 50, 70_000, -1])
async def test_damage_is_found_before_anything_is_told(tmp_path: Path, place: int) -> None:
    """Wherever the bit was: in magic, key id, salt, a chunk or the last tag."""
    files = store(tmp_path)
    sha256, told = await uploaded(files), files.write_result(TASK_ID, 1, DATA)
    for path in (files.input(TASK_ID), result_path(tmp_path)):
        changed = bytearray(path.read_bytes())
        changed[place] ^= 1
        path.write_bytes(changed)
    with pytest.raises(InputDamaged):
        files.open_input(TASK_ID, sha256)
    with pytest.raises(ResultDamaged):
        files.open_result(TASK_ID, 1, *told)


async def test_the_record_has_the_last_word(tmp_path: Path) -> None:
    """A file that was sealed under its very name is refused all the same when its hash or size is not the record's."""
    files = store(tmp_path)
    await uploaded(files)
    size, sha256 = files.write_result(TASK_ID, 1, DATA)
    with pytest.raises(InputDamaged):
        files.open_input(TASK_ID, bytes(32))
    with pytest.raises(ResultDamaged):
        files.open_result(TASK_ID, 1, size, bytes(32))
    with pytest.raises(ResultDamaged):
        files.open_result(TASK_ID, 1, size + 1, sha256)


async def test_what_was_stored_before_is_read(tmp_path: Path) -> None:
    """Files in clear from before there was a ring, and sealed ones once encryption is switched off again."""
    for before, after in ((store(tmp_path, None), store(tmp_path)), (store(tmp_path), store(tmp_path, encrypt=False))):
        sha256, told = await uploaded(before), before.write_result(TASK_ID, 1, DATA)
        with after.open_input(TASK_ID, sha256) as opened, after.open_result(TASK_ID, 1, *told) as stored:
            assert opened.read() == stored.read() == DATA


async def test_what_is_in_clear_must_be_what_the_record_says(tmp_path: Path) -> None:
    """With a ring, nobody can put a file in clear in the place of a sealed one."""
    files = store(tmp_path)
    sha256, told = await uploaded(files), files.write_result(TASK_ID, 1, DATA)
    for path in (files.input(TASK_ID), result_path(tmp_path)):
        path.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(InputDamaged):
        files.open_input(TASK_ID, sha256)
    with pytest.raises(ResultDamaged):
        files.open_result(TASK_ID, 1, *told)


async def test_an_upload_that_looks_sealed(tmp_path: Path) -> None:
    """Whoever uploads what begins like a sealed file gets it worked on, in clear or not."""
    sealed = store(tmp_path)
    await uploaded(sealed)
    impostor = sealed.input(TASK_ID).read_bytes()
    for ring, encrypt in ((None, True), (RING, False), (RING, True)):
        files = store(tmp_path, ring, encrypt=encrypt)
        sha256 = await uploaded(files, OTHER_ID, impostor)
        with files.open_input(OTHER_ID, sha256) as opened:
            assert opened.read() == impostor


@pytest.mark.parametrize("size", [1, 1 << 20])
async def test_a_full_disk_is_full_storage(tmp_path: Path, size: int) -> None:
    """Whether the first chunk does not fit or the last, and nothing stays."""
    files = store(tmp_path)
    for name in (TASK_ID, f"{TASK_ID}.1"):
        (tmp_path / "store" / "partial" / name).symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        await uploaded(files, data=bytes(size))
    with pytest.raises(StorageFull):
        files.write_result(TASK_ID, 1, bytes(size))
    assert on_disk(tmp_path) == b""


@pytest.mark.parametrize("ring", [RING, None], ids=["sealed", "in clear"])
def test_a_result_in_pieces(tmp_path: Path, ring: KeyRing | None) -> None:
    """Pieces of any size are the result that they are together."""
    pieces = [bytes([size % 251]) * size for size in (0, 5, 1 << 20, 3, 9 << 20, 1 << 19, CHUNK_BYTES)]
    files = store(tmp_path, ring)
    size, sha256 = files.write_result(TASK_ID, 1, map(memoryview, pieces))
    whole = b"".join(pieces)
    assert (size, sha256) == (len(whole), hashlib.sha256(whole).digest())
    with files.open_result(TASK_ID, 1, size, sha256) as stored:
        assert stored.read() == whole


@pytest.mark.parametrize("ring", [RING, None], ids=["sealed", "in clear"])
def test_a_result_that_breaks_off_is_none(tmp_path: Path, ring: KeyRing | None) -> None:
    """What the work on a later piece raises is raised, and of the pieces before nothing stays."""

    def broken() -> Iterator[bytes]:
        yield bytes(1 << 20)
        raise RuntimeError("the third voiceprint is none")

    files = store(tmp_path, ring)
    with pytest.raises(RuntimeError, match="third"):
        files.write_result(TASK_ID, 1, broken())
    assert on_disk(tmp_path) == b""
    (tmp_path / "store" / "partial" / f"{TASK_ID}.1").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        files.write_result(TASK_ID, 1, iter([bytes(1 << 20)] * 20))
    assert on_disk(tmp_path) == b""


async def test_rotation_and_what_is_dropped(tmp_path: Path) -> None:
    """After a rotation older files are read, without their key or without any ring the refusal says so."""
    before = store(tmp_path, OLD)
    sha256, told = await uploaded(before), before.write_result(TASK_ID, 1, DATA)
    with (
        store(tmp_path).open_input(TASK_ID, sha256) as opened,
        store(tmp_path).open_result(TASK_ID, 1, *told) as stored,
    ):
        assert opened.read() == stored.read() == DATA
    for ring, words in (
        (KeyRing({2: RING.secrets[2]}), "under key 1, which is not in"),
        (None, "there is no key ring"),
    ):
        with pytest.raises(InputDamaged, match=words):
            store(tmp_path, ring).open_input(TASK_ID, sha256)
        with pytest.raises(ResultDamaged, match=words):
            store(tmp_path, ring).open_result(TASK_ID, 1, *told)
