"""Files that are written past the page cache."""

import fcntl
import io
import os
import resource
from pathlib import Path

import pytest

from tasks.bulk.direct_file import DirectFile

BUFFER = 1 << 22


def content(size: int) -> bytes:
    return os.urandom(size)


@pytest.mark.parametrize("size", [0, 1, 4096, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER + 4097])
def test_what_is_written_is_there(size: int, tmp_path: Path) -> None:
    """All bytes are there once it is closed, however they are cut."""
    made = content(size)
    with DirectFile(tmp_path / "file") as file:
        for begin in range(0, size, 700_001):
            file.write(made[begin : begin + 700_001])
        assert file.tell() == size
    assert (tmp_path / "file").read_bytes() == made


def test_it_goes_past_the_cache(tmp_path: Path) -> None:
    """Whole buffers are written directly where the file system knows how, and what is left over as ever."""
    with DirectFile(tmp_path / "file") as file:
        file.write(bytes(2 * BUFFER))
        file.flush()
        direct = fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_DIRECT
        try:
            os.close(os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY | os.O_DIRECT))
        except OSError:
            pytest.skip("the file system of temporary files knows no direct way")
        assert direct
        file.write(b"behind")
        file.sync()
        assert not fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_DIRECT
    assert (tmp_path / "file").read_bytes() == bytes(2 * BUFFER) + b"behind"


def test_where_there_is_no_direct_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses is written to as ever."""
    # As of ones that take the flag and no other block than their own.
    monkeypatch.setattr("tasks.direct.mmap.PAGESIZE", 1)
    made = content(2 * BUFFER + 5)
    with DirectFile(tmp_path / "file") as file:
        file.write(made[:3])
        file.flush()
        file.write(made[3:])
    assert (tmp_path / "file").read_bytes() == made


def test_what_is_written_anew(tmp_path: Path) -> None:
    """It can be sought in: what stands there already is replaced, and the rest goes on at its end."""
    made = content(2 * BUFFER + 100)
    with DirectFile(tmp_path / "file") as file:
        file.write(made)
        assert file.seek(10) == 10
        file.write(b"inside")
        assert file.seek(-3, io.SEEK_CUR) == 13
        file.write(b"IDE")
        assert file.seek(0, io.SEEK_END) == len(made)
        file.write(b"behind")
    expected = bytearray(made + b"behind")
    expected[10:16] = b"insIDE"
    assert (tmp_path / "file").read_bytes() == expected


def test_a_write_that_fails_is_told_of(tmp_path: Path) -> None:
    """An error of a write that goes on by itself is raised at a later call, and no descriptor stays open."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_FSIZE, (BUFFER + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"), DirectFile(tmp_path / "file") as file:
            file.write(bytes(4 * BUFFER))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there already is left as it is."""
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(FileExistsError):
        DirectFile(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"before"
