"""Processes of a benchmark, of which some may end at any moment."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.processor_time import of_children, own, words

# After the name in /proc/PID/stat, which may hold blanks.
_PARENT = 1


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that live."""
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _parent(folder) == pid]


def command(pid: int) -> list[str]:
    """Its command line; empty once it has ended."""
    with suppress(OSError):
        return words(pid)
    return []


def processor_seconds(pid: int) -> float:
    """Of `pid`, of all below it, and of those of them that have ended, which are told in steps of 10 ms."""
    return sum(map(_spent, _family(pid)))


def pin(pid: int, cores: set[int]) -> None:
    """Leaves all threads of `pid` and of all below it only `cores` to run on; what they start inherits that."""
    for one in _family(pid):
        with suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid):
        yield from _family(child)


def _parent(folder: Path) -> int | None:
    # Threads know their children as well, but not reliably while some of them end.
    with suppress(OSError):
        return int((folder / "stat").read_text().rpartition(")")[2].split()[_PARENT])
    return None


def _spent(pid: int) -> float:
    with suppress(OSError):
        return own(pid) + of_children(pid)
    return 0.0
