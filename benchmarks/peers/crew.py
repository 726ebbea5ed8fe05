"""Processes of another program, in its own environment, that work through recordings."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.client import crowd
from benchmarks.processes import processor_seconds

# Whatever a numerical library is called: none may have more threads than it was given.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_INTERPRETER = Path(".venv-peers/bin/python")


@dataclass(frozen=True, slots=True)
class Command:
    """A `script` that lies beside this file, for the Python of the peers; `words` come after the number of threads."""

    python: Path
    script: str
    words: Sequence[str | Path | float] = ()

    def line(self, threads: int) -> list[str]:
        words = [self.python, "-W", "ignore", Path(__file__).with_name(self.script), threads, *self.words]
        return [str(word) for word in words]


@dataclass(frozen=True, slots=True)
class Crew:
    """Processes that have opened their models, and take one path after the other."""

    processes: Sequence[asyncio.subprocess.Process]

    async def work(self, paths: Sequence[Path]) -> float:
        """Until every recording at `paths` has its embedding; seconds of speech that were found in all.

        Raises SystemExit when a process ends before.
        """
        free, speech = list(self.processes), []

        async def one(path: Path) -> None:
            process = free.pop()
            if process.stdin is None or process.stdout is None:
                raise SystemExit("the peer has no pipes")
            process.stdin.write(f"{path}\n".encode())
            line = await process.stdout.readline()
            if not line:
                raise SystemExit(f"the peer has ended with {await process.wait()}")
            speech.append(float(line))
            free.append(process)

        await crowd(len(free), one, paths)
        return sum(speech)

    def processor_seconds(self) -> float:
        return sum(processor_seconds(process.pid) for process in self.processes)


@asynccontextmanager
async def crew(command: Command, *, size: int, threads: int) -> AsyncIterator[Crew]:
    """`size` processes with so many `threads` each."""
    environment = os.environ | dict.fromkeys(_THREADS, str(threads))
    # In a session of their own: Ctrl-C ends the benchmark, which then ends them.
    started = partial(
        asyncio.create_subprocess_exec,
        *command.line(threads),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    processes: list[asyncio.subprocess.Process] = []
    try:
        while len(processes) < size:
            processes.append(await started())
        yield Crew(processes)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


def interpreter(given: Path | None) -> Path:
    """The Python of the peers' environment. Raises SystemExit with how it is made where there is none."""
    python = given or _INTERPRETER
    if not python.is_file():
        raise SystemExit(f"there is no {python}: `make peers` makes it, or --python names another")
    # Not resolved: an environment is known by where its interpreter was started.
    return python.absolute()


def silero(python: Path) -> Path:
    """The silero detector of the peers' environment. Raises SystemExit where it lacks one."""
    for path in python.parent.parent.glob("lib/python3*/site-packages/silero_vad/data/silero_vad.onnx"):
        return path
    raise SystemExit(f"{python} has no silero-vad: `make peers` installs it")
