"""Processor time of processes and of whatever they have started, from /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# After the name in /proc/PID/stat, which may hold blanks: the parent, and time of its own and of children that ended.
_PARENT, _TIMES = 1, slice(11, 15)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that live."""
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _parent(folder) == pid]


def command(pid: int) -> list[str]:
    """Its command line; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def processor_seconds(pid: int) -> float:
    """Of `pid`, of all below it, and of those of them that have ended. It grows in steps of a clock tick, 10 ms."""
    return sum(sum(map(int, _stat(Path(f"/proc/{one}"))[_TIMES])) for one in _tree(pid)) / _TICKS


def pin(pid: int, cores: set[int]) -> None:
    """Leaves all threads of `pid` and of all below it only `cores` to run on; what they start inherits that."""
    for one in _tree(pid):
        for thread in Path(f"/proc/{one}/task").glob("[0-9]*"):
            os.sched_setaffinity(int(thread.name), cores)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid):
        yield from _tree(child)


def _parent(folder: Path) -> int | None:
    fields = _stat(folder)
    return int(fields[_PARENT]) if fields else None


def _stat(folder: Path) -> list[str]:
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
