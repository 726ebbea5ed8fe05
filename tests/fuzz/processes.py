"""What the processes of an appliance take, by their roles, from `/proc`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ROLES = (b"serve", b"grpc", b"worker")
_SAMPLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Process:
    """`resident` is in bytes. A process that a worker has forked has the role `child`."""

    pid: int
    role: str
    resident: int


@dataclass
class Watch:
    """Bytes that the processes of each role had in memory together, at most; `largest` is any one process's."""

    peaks: dict[str, int] = field(default_factory=dict)
    largest: int = 0

    def look(self, root: int) -> None:
        found = processes(root)
        for role, resident in sums(found).items():
            self.peaks[role] = max(self.peaks.get(role, 0), resident)
        self.largest = max(self.largest, *(process.resident for process in found), 0)


def processes(root: int) -> list[Process]:
    """`root`, its children, and theirs."""
    found, waiting = [], [(root, False)]
    while waiting:
        pid, forked = waiting.pop()
        folder = Path(f"/proc/{pid}")
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            (line,) = [line for line in (folder / "status").read_text().splitlines() if line.startswith("VmRSS")]
            # Each thread has its own.
            children = " ".join(path.read_text() for path in folder.glob("task/*/children")).split()
        except (OSError, ValueError):
            continue  # it has ended since
        role = next((word.decode() for word in words if word in _ROLES), "redis" if b"redis" in words[0] else "up")
        if b"--standby-fd" in words:
            role = "spare"
        found.append(Process(pid, "child" if forked else role, int(line.split()[1]) * 1024))
        waiting += [(int(child), forked or role in {"worker", "spare"}) for child in children]
    return found


def sums(found: list[Process]) -> dict[str, int]:
    """Bytes by role."""
    made: dict[str, int] = {}
    for process in found:
        made[process.role] = made.get(process.role, 0) + process.resident
    return made


def kept(root: int) -> set[tuple[int, str]]:
    """The processes that are to live as long as the appliance, but for the spare worker, which comes later: at first it
    looks like the one that has forked it."""
    return {
        (process.pid, process.role)
        for process in processes(root)
        if process.role not in {"child", "spare", "up"} or process.pid == root
    }


@contextmanager
def watched(root: int) -> Iterator[Watch]:
    """Looks at the appliance whose first process is `root` until the end of the context."""
    watch, ended = Watch(), threading.Event()

    def keep() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            watch.look(root)

    looking = threading.Thread(target=keep)
    watch.look(root)
    looking.start()
    try:
        yield watch
    finally:
        ended.set()
        looking.join()
        watch.look(root)
