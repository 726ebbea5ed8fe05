"""What a key ring costs: encryption of the store, and signatures of voiceprints.

    python -m benchmarks.key_ring [--folder DIR]

Uploads, reads and results of several sizes, in clear and encrypted, in turns on one file store; then voiceprints read
and written in process, unsigned and signed. Every figure is a median of processor time: the disk is the same for both,
and neither it nor whatever else the machine does is measured.
"""

import asyncio
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from schemas.keyring import KeyRing
from schemas.signatures import UNSIGNED, Signatures
from schemas.voiceprint import Voiceprint
from tasks.files import LocalFileStore

_RING = KeyRing({1: os.urandom(32)})
_SIZES = (("64 kB", 64_000), ("1 MB", 1_000_000), ("30 MB", 30_000_000), ("300 MB", 300_000_000))
_TASK_ID = "5f0f6c1e-0d5b-4f6e-9c51-7f1a1b0c2d3e"
_ROUNDS, _FEW_ROUNDS = 41, 5
# As much as aiohttp gives at a time.
_PIECE = 1 << 16
_VOICEPRINTS = 1000


async def uploaded(files: LocalFileStore, content: bytes) -> bytes:
    async with files.upload(_TASK_ID) as upload:
        view = memoryview(content)
        for start in range(0, len(content), _PIECE):
            await upload.write(bytes(view[start : start + _PIECE]))
    return upload.sha256


def read_input(files: LocalFileStore, sha256: bytes) -> None:
    with files.open_input(_TASK_ID, sha256) as opened:
        while opened.read(1 << 20):
            pass


def read_result(files: LocalFileStore, told: tuple[int, bytes]) -> None:
    with files.open_result(_TASK_ID, 1, *told) as opened:
        while opened.read(1 << 20):
            pass


def steps(files: LocalFileStore, content: bytes) -> dict[str, float]:
    """Processor seconds of each step of a task with an upload of `content`, and a result as long."""
    found, told = {}, (len(content), hashlib.sha256(content).digest())

    def timed(name: str, work: Callable[[], object]) -> None:
        started = time.process_time()
        work()
        found[name] = time.process_time() - started

    timed("upload", lambda: asyncio.run(uploaded(files, content)))
    timed("open and read upload", lambda: read_input(files, told[1]))
    timed("write result", lambda: files.write_result(_TASK_ID, 1, content))
    timed("open and read result", lambda: read_result(files, told))
    return found


def rates(*works: Callable[[], object]) -> list[float]:
    """How often each of `works` can be done in a processor's second, measured in turns."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(_ROUNDS):
        for seconds, work in zip(taken, works, strict=True):
            started = time.process_time()
            for _ in range(_VOICEPRINTS):
                work()
            seconds.append((time.process_time() - started) / _VOICEPRINTS)
    return [1 / statistics.median(seconds) for seconds in taken]


def store_table(folder: Path) -> Table:
    clear = LocalFileStore(folder / "clear")
    sealed = LocalFileStore(folder / "sealed", _RING.derive("store"))
    table = Table("step", "size", "in clear", "encrypted", "more", title="the store")
    for title, size in _SIZES:
        content = os.urandom(size)
        rounds = _ROUNDS if size < 10_000_000 else _FEW_ROUNDS
        # In turns, so that whatever else the machine does falls on both.
        taken = [[steps(files, content) for files in (clear, sealed)] for _ in range(rounds)]
        for name in taken[0][0]:
            before, after = (statistics.median(pair[which][name] for pair in taken) for which in (0, 1))
            table.add_row(
                name, title, f"{before * 1e3:.2f} ms", f"{after * 1e3:.2f} ms", f"{(after - before) * 1e3:+.2f} ms"
            )
    return table


def voiceprint_table() -> Table:
    vector = np.random.default_rng(0).normal(size=256).astype(np.float32)
    made = Voiceprint("ge2e", bytes(32), "ge2e-2", vector, 5.0, 6.0, 16000, 0, bytes(32), 1_750_000_000_000)
    signed = Signatures.of(_RING, "refuse")
    table = Table("voiceprints a second", "unsigned", "signed", title="256 values, one thread")
    written = [partial(one.encode, made) for one in (UNSIGNED, signed)]
    read = [partial(one.decode, one.encode(made)) for one in (UNSIGNED, signed)]
    for name, works in (("written", written), ("read", read)):
        table.add_row(name, *(f"{rate:,.0f}" for rate in rates(*works)))
    return table


def main(
    folder: Annotated[
        Path | None, typer.Option(help="A folder on the disk to measure; a temporary one when not given.")
    ] = None,
) -> None:
    """Prints two tables."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        console = Console()
        console.print(store_table(Path(own)))
        console.print(voiceprint_table())


if __name__ == "__main__":
    typer.run(main)
