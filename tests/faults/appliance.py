"""A real `voiceprint up` in a folder of its own, on ports that stay the same however often it is started."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.settings import Settings
from tests.faults import processes
from tests.faults.processes import Process

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
# Ctrl-C is promised to take 5 s; a busy machine may take longer without being wrong.
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


class NotStarted(Exception):
    """The appliance gave up or was not ready in time; its last words are the message."""


class Appliance:
    """`folder` holds its data and its log; `settings` are VOICEPRINT_ variables without that prefix, in lower case.

    `around` are words before the command, which run it some other way, and `variables` more of its environment.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, object] | None = None,
        *,
        around: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.mark = secrets.token_hex(8)
        self.http, self.grpc = free_port(), free_port()
        self._settings, self._around, self._variables = settings or {}, around, variables or {}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def data_within(self) -> Path:
        """The same as its processes see it, which may have something else mounted there."""
        running = self._process and self._process.returncode is None
        return Path(f"/proc/{self.pid}/root{self.data}") if running else self.data

    @property
    def log(self) -> Path:
        return self.folder / "appliance.log"

    @property
    def pid(self) -> int:
        assert self._process, "it was not started"
        return self._process.pid

    @asynccontextmanager
    async def running(self) -> "AsyncIterator[Appliance]":
        """From its ready line on; nothing of it is left when the context ends. Raises NotStarted."""
        await self.start()
        try:
            yield self
        finally:
            await self.kill()

    async def start(self) -> None:
        """Raises NotStarted."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(*self._around, str(VOICEPRINT), "up"),
                env=self.environment(),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for the suite, which then ends what it has started.
                start_new_session=True,
            )
        assert self._process.stdout
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            line = b""
        if not line.startswith(b"voiceprint is ready"):
            await self.kill()
            raise NotStarted(self.log.read_text().strip().splitlines()[-1:])

    def environment(self, **more: object) -> dict[str, str]:
        """That of `up`, and with `more` settings that of a part of the same appliance."""
        given = {
            "data_dir": self.data,
            "http_port": self.http,
            "grpc_port": self.grpc,
            "workers": 2,
            "minimum_free_space": 1 << 20,
            "log_level": "info",
            "models_dir": models_dir(),
        }
        named = {
            f"VOICEPRINT_{name.upper()}": str(value) for name, value in (given | dict(self._settings) | more).items()
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("VOICEPRINT_")}
        return clean | named | dict(self._variables) | {processes.MARK: self.mark}

    def children(self, role: str = "") -> list[Process]:
        """Its processes that live now, or those of one role."""
        return [process for process in processes.children(self.pid) if role in ("", process.role)]

    def redis_socket(self) -> Path:
        """Raises IndexError while its Redis is not there."""
        return processes.redis_socket(self.children("redis")[0])

    def send(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self) -> list[int]:
        """Ctrl-C; returns what has outlived it, which should be nothing."""
        assert self._process
        self.send(signal.SIGINT)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        finally:
            left = processes.marked(self.mark)
            await self.kill()
        return left

    async def kill(self) -> None:
        """Everything at once, as when the machine loses its power."""
        self.send(signal.SIGKILL)
        if self._process:
            await self._process.wait()
        while left := processes.marked(self.mark):
            for pid in left:
                Process(pid, "").send(signal.SIGKILL)
            await asyncio.sleep(0.01)

    def stored(self, kind: str) -> set[str]:
        """Names in the store folder: of `inputs` or `results`."""
        return {path.name for path in (self.data_within / "store" / kind).glob("*")}


def models_dir() -> Path:
    """The installed networks, and the Redis beside them: all that the suite takes from where it runs."""
    return Path(os.environ.get("VOICEPRINT_MODELS_DIR") or Settings().models)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
