"""Processes of the appliance as the system shows them: which there are, what they are for, what they work on."""

import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

# In the environment of everything that is started, by which what was left behind is found.
MARK = "FAULT_SUITE"
ROLES = ("worker", "serve", "grpc")


@dataclass(frozen=True, slots=True)
class Process:
    """`role` is worker, serve, grpc or redis; `name` is a worker's own name, else empty."""

    pid: int
    role: str
    name: str = ""

    def send(self, number: signal.Signals) -> bool:
        """Whether it was still there."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def children(parent: int) -> list[Process]:
    """The appliance's processes that `parent` has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            ours = int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent
        except OSError:
            continue
        if ours and (process := _known(int(folder.name), words)):
            found.append(process)
    return found


def _known(pid: int, words: list[str]) -> Process | None:
    for role in ROLES:
        if role in words:
            return Process(pid, role, words[words.index("--name") + 1] if "--name" in words else "")
    return Process(pid, "redis") if re.search(r"(redis|valkey)-server", words[0]) else None


def redis_socket(redis: Process) -> Path:
    """Where an embedded Redis listens: after its start it shows its socket for its arguments."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        line = Path(f"/proc/{redis.pid}/cmdline").read_text().replace("\0", " ")
        if found := re.search(r"(?:unixsocket:|--unixsocket )(\S+)", line):
            return Path(found[1])
        time.sleep(0.01)
    raise TimeoutError(f"Redis does not say where it listens: {line}")


def marked(mark: str) -> list[int]:
    """Living processes whose environment carries `mark`, children of children included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found
