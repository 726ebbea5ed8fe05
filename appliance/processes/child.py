"""One child process that is kept alive: a session of its own, an end with its parent, a restart when it dies."""

import asyncio
import ctypes
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from signal import SIG_BLOCK, SIGINT, SIGKILL, Signals, pthread_sigmask

log = logging.getLogger(__name__)

# Seconds before the first restart, the longest wait, and how long a process must run for its past to be forgotten.
FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
SETTLED = 5.0

_STDERR = 2
_KEPT_LINES = 40
_PR_SET_PDEATHSIG = 1
# Loaded here, because between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process. `quiet` keeps its output to `Child.lines` and the debug log."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    pass_fds: tuple[int, ...] = ()
    quiet: bool = False


class Child:
    """A process and those that replace it.

    `launch` is asked anew for each, so that each can have a name of its own; `died` is told of each that ended.
    """

    def __init__(self, role: str, launch: Callable[[], Launch], died: Callable[["Child"], Awaitable[None]]) -> None:
        self.role = role
        self.name = ""
        # None while it runs and before its first start; -n when signal n killed it.
        self.exit_code: int | None = None
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._launch = launch
        self._died = died
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises OSError when the system cannot start it."""
        launch = self._launch()
        self.name = launch.name
        self.lines.clear()
        parent = os.getpid()
        # Our own standard output carries one line, and scripts wait for it.
        output = await self._pipe() if launch.quiet else os.dup(_STDERR)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *launch.command,
                env=launch.environment,
                pass_fds=launch.pass_fds,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: _before_exec(parent),
            )
            self.exit_code = None
        finally:
            os.close(output)

    async def try_to_start(self) -> None:
        try:
            await self.start()
        except OSError as error:
            # Out of processes or memory, most likely: a reason to try again later like any other.
            log.error("%s could not be started: %s", self.role, error)

    async def wait(self) -> int:
        """The exit code, once the process has ended and its last line was read; 0 when it was never started."""
        if (process := self._process) is not None:
            code = await process.wait()
            # Only once and at once: later, the number may belong to someone else.
            if self._process is process:
                self._process, self.exit_code = None, code
                _kill_session(process.pid)
        if self._reader:
            await asyncio.wait((self._reader,))
        return self.exit_code or 0

    async def keep(self) -> None:
        """Starts the process again whenever it ends. Runs until cancelled, which leaves the process as it is."""
        clock = asyncio.get_running_loop().time
        delay = FIRST_DELAY
        while True:
            started = clock()
            code = await self.wait()
            if clock() - started > SETTLED:
                delay = FIRST_DELAY
            # First: who is told may give up on it, and then it is not started again.
            await self._died(self)
            log.warning("%s %s %s; it is started again in %.1f s", self.role, self.name, ending(code), delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)
            await self.try_to_start()

    def send(self, number: Signals) -> None:
        # It may have ended a moment ago.
        with suppress(ProcessLookupError):
            if self._process:
                self._process.send_signal(number)

    def kill(self) -> None:
        self.send(SIGKILL)

    async def _pipe(self) -> int:
        """The writing end of a pipe into `lines`.

        asyncio's own pipe would not do: its `wait` ends only when all that hold the pipe have ended, not the process.
        """
        reading, writing = os.pipe()
        stream = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
        )
        self._reader = asyncio.create_task(self._read(stream))
        return writing

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.lines.append(line.decode(errors="replace").rstrip())
            log.debug("%s: %s", self.name, self.lines[-1])


def ending(code: int) -> str:
    """An exit code in words."""
    names = {number.value: number.name for number in Signals}
    return f"ended with exit code {code}" if code >= 0 else f"was killed by {names.get(-code, f'signal {-code}')}"


def _kill_session(leader: int) -> None:
    """What a process has started ends with it: an append-only file must not be rewritten beside the next Redis."""
    with suppress(ProcessLookupError):
        os.killpg(leader, SIGKILL)


def _before_exec(parent: int) -> None:
    """In the child: the kernel kills it when its parent dies, however that happens."""
    _libc.prctl(_PR_SET_PDEATHSIG, SIGKILL)
    # The parent may have died before the line above.
    if os.getppid() != parent:
        os.kill(os.getpid(), SIGKILL)
    # A starting Python would answer SIGINT with a stack trace; `appliance.__main__` is ready for it, and unblocks it.
    pthread_sigmask(SIG_BLOCK, {SIGINT})
