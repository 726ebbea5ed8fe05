"""Files that are read once."""

import ctypes
import io
import mmap
import os
from pathlib import Path

import numpy as np
import pytest

from tasks.bulk.read_once import ReadOnce

EXTENT = 1 << 22


def opened(path: Path) -> io.BufferedReader:
    return io.BufferedReader(ReadOnce(os.open(path, os.O_RDONLY)), 1 << 18)


def in_cache(path: Path) -> float:
    """The share of the file's pages that the kernel holds."""
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ) as mapped:
        pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
        content = np.frombuffer(mapped, np.uint8)
        found = ctypes.CDLL(None).mincore(ctypes.c_void_p(content.ctypes.data), ctypes.c_size_t(size), pages)
        del content
    assert found == 0
    return sum(page & 1 for page in pages) / len(pages)


def left(path: Path) -> None:
    """None of the file in the cache, or the test is skipped where the file system has no other place for it."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if in_cache(path) > 0.1:
        pytest.skip("the file system of temporary files keeps them in memory")


@pytest.mark.parametrize("size", [0, 1, EXTENT, 3 * EXTENT + 4097])
def test_what_is_read_is_what_is_there(size: int, tmp_path: Path) -> None:
    """Every byte is read as it is, however the reads are cut."""
    made = os.urandom(size)
    (tmp_path / "file").write_bytes(made)
    with opened(tmp_path / "file") as file:
        assert b"".join(iter(lambda: file.read(700_001), b"")) == made


def test_reads_by_turns(tmp_path: Path) -> None:
    """Two places of a file are read by turns, as columns of a table are."""
    made = os.urandom(6 * EXTENT)
    (tmp_path / "file").write_bytes(made)
    with opened(tmp_path / "file") as file:
        for begin in range(0, 3 * EXTENT, 1 << 20):
            for place in (begin, begin + 3 * EXTENT):
                file.seek(place)
                assert file.read(1 << 20) == made[place : place + (1 << 20)]


def test_nothing_stays_in_the_cache(tmp_path: Path) -> None:
    """Of a file that was read to its end the kernel holds next to nothing."""
    path = tmp_path / "file"
    path.write_bytes(os.urandom(16 * EXTENT))
    left(path)
    with opened(path) as file:
        while file.read(1 << 17):
            pass
    assert in_cache(path) < 0.2
