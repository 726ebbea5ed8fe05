"""How long the appliance takes to be ready, what its processes take to be imported, and what they cost while idle.

    python -m benchmarks.start [--rounds 5] [--idle 60] [--workers 2]

`voiceprint up` is started on free ports and an empty data folder, again and again, until its ready line; the first
start, which reads everything from the disk, is not counted. Then one is left alone, and the processor time of each of
its processes is told as a share of one core.
"""

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from appliance.preflight import grpc_installed
from appliance.settings import Settings, child_environment
from benchmarks import processor_time

# What each process imports, by its role.
_IMPORTS = {
    "command line": "appliance.cli",
    "supervisor": "appliance.supervisor",
    "HTTP server": "appliance.app",
    "gRPC server": "appliance.grpc_face.process",
    "worker": "tasks.worker",
}
_MEASURED_IMPORT = """
import time
wall, processor = time.perf_counter(), time.process_time()
import appliance.settings, {module}
print(time.perf_counter() - wall, time.process_time() - processor)
"""
# By a word of their command lines, the first that fits.
_ROLES = {
    "--standby-fd": "spare worker",
    "worker": "worker",
    "serve": "HTTP server",
    "grpc": "gRPC server",
    "up": "supervisor",
    "-c": "zygote and its spare",
}
# After the ready line the spare worker is still being started.
_REST_SECONDS = 10.0


@contextmanager
def appliance(settings: Settings) -> Iterator[tuple[int, float]]:
    """A running appliance: its process, and the seconds until it was ready."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "appliance", "up"]
    with subprocess.Popen(command, env=child_environment(settings), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            if not process.stdout or not process.stdout.readline():
                raise SystemExit("the appliance did not start, for the reason it gave above")
            yield process.pid, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGINT)


def ready_seconds(workers: int) -> float:
    with _settings(workers) as settings, appliance(settings) as (_, seconds):
        return seconds


def import_seconds(module: str) -> tuple[float, float]:
    """Wall and processor time of importing `module` in a fresh interpreter."""
    program = _MEASURED_IMPORT.format(module=module)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout  # noqa: S603
    wall, processor = map(float, said.split())
    return wall, processor


def idle_shares(workers: int, seconds: float) -> dict[str, float]:
    """The processor time of all processes of a role, in cores, while nobody asks for anything."""
    with _settings(workers) as settings, appliance(settings) as (pid, _):
        time.sleep(_REST_SECONDS)
        processes = {one: _role(one) for one in processor_time.family(pid)}
        before = {one: processor_time.own(one) for one in processes}
        time.sleep(seconds)
        shares: dict[str, float] = dict.fromkeys(processes.values(), 0.0)
        for one, role in processes.items():
            shares[role] += (processor_time.own(one) - before[one]) / seconds
    return shares


def _role(pid: int) -> str:
    words = processor_time.words(pid)
    return next((role for word, role in _ROLES.items() if word in words), "Redis")


@contextmanager
def _settings(workers: int) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        yield Settings(http_port=0, grpc_port=0, data_dir=Path(folder), workers=workers, log_level="warning")


def main(
    rounds: Annotated[int, typer.Option(min=5, help="How often it is started.")] = 5,
    idle: Annotated[float, typer.Option(min=1.0, help="For how many seconds it is left alone.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Measure start, imports and idle processor use."""
    console = Console()
    ready_seconds(workers)
    ready = [ready_seconds(workers) for _ in range(rounds)]
    console.print(f"ready after {statistics.median(ready):.2f} s ({min(ready):.2f} to {max(ready):.2f})")
    table = Table("process", "imported in", "processor time")
    for role, module in _IMPORTS.items():
        if role != "gRPC server" or grpc_installed():
            found = [import_seconds(module) for _ in range(rounds)]
            table.add_row(role, *(f"{statistics.median(column):.2f} s" for column in zip(*found, strict=True)))
    console.print(table)
    shares = idle_shares(workers, idle)
    table = Table("idle process", "processor")
    for role, share in (*sorted(shares.items()), ("all", sum(shares.values()))):
        table.add_row(role, f"{share:.2%}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
