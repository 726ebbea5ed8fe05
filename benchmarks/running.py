"""An appliance of the benchmark's own, on free ports and with a folder of its own, and the time of its processes."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from benchmarks.processes import children, command, processor_seconds

Role = Literal["http", "worker", "redis"]
_PACKAGE = "appliance"
_SPARE = "--standby-fd"


@dataclass(frozen=True, slots=True)
class Running:
    """An appliance that is ready at `url`; `pid` is its supervisor, and everything it keeps is in `data_dir`."""

    url: str
    pid: int
    data_dir: Path

    @property
    def redis_url(self) -> str:
        return f"unix://{self.data_dir}/redis/redis.sock"

    def processes(self, role: Role) -> list[int]:
        """Those that serve, work or store now; the spare worker, which waits for one to die, is none of them."""
        return [pid for pid in children(self.pid) if _role(command(pid)) == role]

    def processor_seconds(self, role: Role | None = None) -> float:
        """Spent so far by the processes of `role`, or of all roles, and by what they have started."""
        roles = get_args(Role) if role is None else (role,)
        return sum(processor_seconds(pid) for one in roles for pid in self.processes(one))


def _role(words: list[str]) -> Role | None:
    if any("redis-server" in word or "valkey-server" in word for word in words[:1]):
        return "redis"
    # Its command follows the name of the package, wherever that is among the interpreter's options.
    said = words[words.index(_PACKAGE) + 1 :][:1] if _PACKAGE in words else []
    if said == ["worker"]:
        return None if _SPARE in words else "worker"
    return "http" if said == ["serve"] else None


@asynccontextmanager
async def running(**settings: str | int | Path) -> AsyncIterator[Running]:
    """An appliance on its embedded defaults but for `settings`, named as in docs/settings.md without the prefix.

    Raises SystemExit when it does not start; why, it has written to standard error.
    """
    with tempfile.TemporaryDirectory(prefix="voiceprint-benchmark-") as folder:
        own = {"data_dir": folder, "http_port": 0, "grpc": "off", "log_level": "error", **settings}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOICEPRINT_")}
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("voiceprint"),
            "up",
            env=inherited | _models(os.environ) | {f"VOICEPRINT_{name.upper()}": str(own[name]) for name in own},
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C ends the benchmark, which then ends the appliance
        )
        # What ends the benchmark ends the appliance: it has a session of its own, and would live on.
        if task := asyncio.current_task():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            line = (await process.stdout.readline()).decode() if process.stdout else ""
            if not line:
                raise SystemExit(await process.wait() or 1)
            yield Running(line.split()[-1], process.pid, Path(folder))
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
                await process.wait()


@asynccontextmanager
async def bare_server() -> AsyncIterator[tuple[str, int]]:
    """The address and the process of `benchmarks.bare_http`."""
    words = [sys.executable, "-m", "benchmarks.bare_http"]
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, start_new_session=True)
    try:
        line = await process.stdout.readline() if process.stdout else b""
        yield line.decode().strip(), process.pid
    finally:
        process.kill()
        await process.wait()


def _models(environment: os._Environ[str]) -> dict[str, str]:
    """Where the models are is the user's choice; every other setting is the benchmark's."""
    name = "VOICEPRINT_MODELS_DIR"
    return {name: environment[name]} if name in environment else {}
