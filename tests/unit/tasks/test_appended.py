"""Files that grow past the page cache."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.appended import Appended

BUFFER = 1 << 20
CONTENT = os.urandom(3 * BUFFER + 4097)
CUTS = st.lists(st.integers(0, len(CONTENT)), max_size=12)


@contextmanager
def begun() -> Iterator[tuple[FileIO, Appended]]:
    with TemporaryDirectory() as folder, FileIO(Path(folder) / "file", "w+") as file:
        yield file, Appended(file)


def everything(file: FileIO) -> bytes:
    file.seek(0)
    return file.read()


def is_direct(file: FileIO) -> bool:
    return bool(fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT)


@given(CUTS, CUTS)
@example([], [])
@example([BUFFER, BUFFER + 1], [2 * BUFFER + 1])
@example([1], [len(CONTENT)])
def test_what_is_added_is_there(pieces: list[int], added: list[int]) -> None:
    """All bytes are there at the end, however they are cut into pieces and however many are added at a time."""
    cuts = sorted({0, *pieces, *added, len(CONTENT)})
    with begun() as (file, appended):
        together: list[bytes] = []
        for start, end in pairwise(cuts):
            together.append(CONTENT[start:end])
            if end in added:
                appended.add(together)
                together = []
        appended.end(together)
        assert everything(file) == CONTENT


def test_it_goes_past_the_cache() -> None:
    """What is much is written directly where the file system knows how, what is little and the end of it as ever."""
    with begun() as (file, appended):
        appended.add([bytes(5000)])
        assert not is_direct(file)
        appended.add([bytes(BUFFER)])
        try:
            os.close(os.open(Path(str(file.name)).parent, os.O_TMPFILE | os.O_WRONLY | os.O_DIRECT))
        except OSError:
            pytest.skip("the file system of temporary files knows no direct way")
        assert is_direct(file)
        appended.end([b"behind"])
        assert not is_direct(file)
        assert everything(file) == bytes(5000 + BUFFER) + b"behind"


def test_where_there_is_no_direct_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that refuses is written to as ever."""
    # As of one that takes the flag and no other block than its own.
    monkeypatch.setattr("tasks.direct.mmap.PAGESIZE", 1)
    with begun() as (file, appended):
        for start in range(0, len(CONTENT), 700_001):
            appended.add([CONTENT[start : start + 700_001]])
        appended.end([])
        assert everything(file) == CONTENT
