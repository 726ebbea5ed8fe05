"""What the service costs on top of its extraction, and how much it gets through.

    python -m benchmarks.service DIR

DIR holds recordings, in folders or not. Starts an appliance of its own on a free port. In-process extraction and
service are measured alternately, and every figure is a median.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Annotated

import aiohttp
import soundfile
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.recordings import recordings_in
from clients.demo import CONVERSION, EXTRACTION, appliance, finished
from onnx_models import open_model
from onnx_models.extractor import Extractor
from schemas import json

_SECONDS = 3.0
_CONVERTED = 50_000
# Seconds between polls. Eight clients that ask every 5 ms would measure the polling.
_OVERHEAD_POLL, _THROUGHPUT_POLL = 0.005, 0.05
_CLIENTS = 16


async def extraction(session: aiohttp.ClientSession, path: Path, poll_seconds: float) -> str:
    """One recording through the service; its voiceprint."""
    with path.open("rb") as file:
        async with session.post(EXTRACTION, data={"file": file}) as submitted:
            body = await finished(session, submitted, every=poll_seconds)
    voiceprint: str = body["result"]["channels"][0]["voiceprint"]
    return voiceprint


async def timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def overhead(session: aiohttp.ClientSession, model: Extractor, path: Path, rounds: int) -> tuple[float, float]:
    """Seconds of the extraction in process, and of the whole service job less those: medians over `rounds`."""
    direct, extra = [], []
    for _ in range(rounds):
        direct.append(await timed(asyncio.to_thread(model.extract, path)))
        extra.append(await timed(extraction(session, path, _OVERHEAD_POLL)) - direct[-1])
    return statistics.median(direct), statistics.median(extra)


async def throughput(session: aiohttp.ClientSession, paths: Sequence[Path]) -> float:
    """Seconds for all recordings, submitted by several clients at a time."""
    waiting = list(paths)

    async def client() -> None:
        while waiting:
            await extraction(session, waiting.pop(), _THROUGHPUT_POLL)

    return await timed(asyncio.gather(*(client() for _ in range(_CLIENTS))))


async def conversion(session: aiohttp.ClientSession, document: bytes) -> None:
    """A conversion from its request's first byte to its result's last; reading the numbers is up to the client."""
    async with session.post(CONVERSION, data=document, headers={"Content-Type": "application/json"}) as submitted:
        location = submitted.headers["Location"]
    state = b""
    while state != b"done":
        await asyncio.sleep(_THROUGHPUT_POLL)
        async with session.get(location) as answer:
            body = await answer.read()
        state = body.partition(b'"state":"')[2].partition(b'"')[0]


async def compare(folder: Path, rounds: int) -> Table:
    paths = recordings_in(folder)
    seconds = sum(soundfile.info(path).duration for path in paths)
    model = open_model(device="cpu")
    async with appliance() as url, aiohttp.ClientSession(url) as session:
        with tempfile.TemporaryDirectory() as scratch:
            short = Path(scratch) / "short.wav"
            samples, rate = soundfile.read(paths[0], frames=int(_SECONDS * soundfile.info(paths[0]).samplerate))
            soundfile.write(short, samples, rate)
            voiceprint = await extraction(session, short, _OVERHEAD_POLL)
            direct, extra = await overhead(session, model, short, 6 * rounds)
        document = json.encode({"voiceprints": [voiceprint] * _CONVERTED})
        alone, service, converted = [], [], []
        for _ in range(rounds):
            alone.append(await timed(asyncio.to_thread(lambda: [model.extract(path) for path in paths])))
            service.append(await throughput(session, paths))
            converted.append(await timed(conversion(session, document)))
    table = Table("what", "figure")
    table.add_row(f"extraction of {_SECONDS:g} s in process", f"{direct * 1000:.1f} ms")
    table.add_row("service on top of it, POST to done", f"{extra * 1000:.1f} ms")
    table.add_row(
        f"{len(paths)} recordings, {seconds:.0f} s, in process on one core",
        f"{seconds / statistics.median(alone):.0f} times real time",
    )
    table.add_row("the same through the service", f"{seconds / statistics.median(service):.0f} times real time")
    table.add_row("ratio of the two", f"{statistics.median(alone) / statistics.median(service):.2f}")
    table.add_row(
        f"conversion of {_CONVERTED:,} voiceprints, POST to result",
        f"{_CONVERTED / statistics.median(converted):,.0f} a second",
    )
    return table


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    rounds: Annotated[int, typer.Option(min=5, help="How often each figure is measured.")] = 5,
) -> None:
    """Measure overhead, throughput and conversion of the service."""
    Console().print(asyncio.run(compare(folder, rounds)))


if __name__ == "__main__":
    typer.run(main)
