"""Seconds of processor time of processes that are not our children, and the family of a process."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# Where the times of children that were waited for stand in /proc/PID/stat, behind the name.
_CHILDREN = slice(13, 15)


def own(pid: int) -> float:
    """Of a process itself, to the nanosecond; it must live. See clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def of_children(pid: int) -> float:
    """Of those children that it has buried, to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[_CHILDREN])) / _TICKS


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from family(int(child))


def words(pid: int) -> list[str]:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
