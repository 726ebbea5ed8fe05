"""Voiceprints to their vectors over HTTP, beside the same server written plainly; and a comparison beside its product.

    python -m benchmarks.conversion

Starts an appliance of its own and the plain server of `benchmarks/plain_conversion.py`. A job is timed from the first
byte of its request to the last of its result, which the client does not decode, in turns: the plain server, then the
appliance with its result as JSON, as msgpack and as Arrow. The appliance's HTTP part is that of
`benchmarks/watched_http.py`, which tells how long its event loop was held up. Then the parts of a job in one process,
by processor time, and 1,000 by 1,000 scores beside the matrix product of numpy with the decoding. Every figure is a
median, but for the longest block.
"""

import asyncio
import io
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import aiohttp
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.client import session
from benchmarks.conversion_parts import compared, parts
from benchmarks.running import running
from schemas import json
from schemas.representations import ARROW, JSON, MSGPACK
from schemas.voiceprint import Voiceprint, encode, to_base64

_PATH = "/api/technology/speaker-identification-voiceprint-conversion"
_DIMENSION = 256
_PLAIN = "plain server, JSON"
_ASKED = {_PLAIN: JSON, "JSON": JSON, "msgpack": MSGPACK, "Arrow": ARROW}


def made(count: int) -> list[str]:
    """Voiceprints of the default model with vectors of chance, as Base64."""
    vectors = np.random.default_rng(0).normal(size=(count, _DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    one = Voiceprint("ge2e", bytes(32), "ge2e-2", vectors[0], 5.0, 6.0, 16000, 0, bytes(32), 1_750_000_000_000)
    return [to_base64(encode(replace(one, vector=vector))) for vector in vectors]


@asynccontextmanager
async def serving(*words: str, last: list[str] | None = None) -> AsyncIterator[str]:
    """The address that a module of ours prints when it serves; what it prints at its end is added to `last`."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *words, stdout=subprocess.PIPE)
    try:
        yield (await process.stdout.readline()).decode().strip() if process.stdout else ""
    finally:
        process.send_signal(signal.SIGTERM)
        told, _ = await process.communicate()
        if last is not None:
            last.append(told.decode().strip())


async def job(http: aiohttp.ClientSession, document: bytes, form: str) -> tuple[float, int]:
    """Seconds from the first byte of a request to the last of its result, and the result's length."""
    started = time.perf_counter()
    async with http.post(_PATH, data=io.BytesIO(document), headers={"Content-Type": JSON}) as submitted:
        if submitted.status != 202:
            raise SystemExit(f"refused: {await submitted.text()}")
        location = submitted.headers["Location"]
    while True:
        size, first = 0, b""
        async with http.get(location, params={"wait": 60}, headers={"Accept": form}) as answer:
            async for piece in answer.content.iter_any():
                first = first or piece[:200]
                size += len(piece)
        if answer.content_type != JSON or b'"done"' in first:
            return time.perf_counter() - started, size
        if b'"rejected"' in first or b'"failed"' in first:
            raise SystemExit(first.decode())


async def over_http(texts: list[str], rounds: int) -> Table:
    document = json.encode({"voiceprints": texts})
    taken: dict[str, list[float]] = {name: [] for name in _ASKED}
    sizes, blocks = dict.fromkeys(_ASKED, 0), list[str]()
    with tempfile.TemporaryDirectory(prefix="voiceprint-benchmark-") as folder:
        async with running(data_dir=folder):
            watched = ("benchmarks.watched_http", folder, f"unix://{_socket(Path(folder))}")
            async with serving("benchmarks.plain_conversion") as plain, serving(*watched, last=blocks) as ours:
                await _ready(ours)
                for _ in range(rounds):
                    for name, form in _ASKED.items():
                        async with session(plain if name == _PLAIN else ours) as http:
                            seconds, sizes[name] = await job(http, document, form)
                        taken[name].append(seconds)
    table = Table(
        "result",
        "seconds",
        "voiceprints a second",
        "times the plain server",
        "MB",
        title=f"{len(texts):,} voiceprints, {len(document) / 1e6:.0f} MB of JSON; the event loop: {blocks[0]}",
    )
    for name, seconds_each in taken.items():
        middle = statistics.median(seconds_each)
        table.add_row(
            name,
            f"{middle:.2f}",
            f"{len(texts) / middle:,.0f}",
            f"{statistics.median(taken[_PLAIN]) / middle:.1f}",
            f"{sizes[name] / 1e6:.0f}",
        )
    return table


def _socket(folder: Path) -> Path:
    """Where the Redis of an appliance listens that keeps its data in `folder`."""
    (found,) = folder.glob("**/*.sock")
    return found


async def _ready(url: str) -> None:
    async with session(url) as http:
        while True:
            async with http.get("/ready") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


def main(
    count: Annotated[int, typer.Option("--voiceprints", min=1, max=50_000, help="How many a job converts.")] = 50_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each figure is measured.")] = 5,
) -> None:
    """Measure conversions and a comparison."""
    console, texts = Console(), made(max(count, 2000))
    console.print(asyncio.run(over_http(texts[:count], rounds)))
    console.print(parts(texts[:count], rounds))
    console.print(compared(texts[:1000], texts[1000:2000], rounds))


if __name__ == "__main__":
    typer.run(main)
