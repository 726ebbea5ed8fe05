"""What the HTTP process takes: polls a second on one core, uploads, and what a thousand polling clients cost a worker.

    python -m benchmarks.http DIR

DIR holds recordings, in folders or not. The process that is measured has a core of its own, where there are two:
the HTTP process for polls and uploads, a worker for its recordings; clients and everything else have the rest. Beside
it, by turns, a server of the same aiohttp that does nothing but answer.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
import typer

from benchmarks import outcome
from benchmarks.client import EXTRACTION, crowd, ended, extracted, session, submitted, timed
from benchmarks.outcome import JsonFile, Rounds, percentile
from benchmarks.processes import pin, processor_seconds
from benchmarks.recordings import cuttings
from benchmarks.running import Running, bare_server, running
from schemas import json

_SECONDS = 4.0
# As fast as answers come; and as many a second as are wanted, from so many clients.
_CONNECTIONS, _WANTED_POLLS, _PACED_CONNECTIONS = 32, 5000, 100
_UPLOAD_BYTES, _UPLOADS = 100_000_000, 4
_CROWD, _PAUSE_SECONDS = 1000, 1.0
_RECORDINGS, _RECORDING_SECONDS, _SENDERS = 24, 12.0, 4

_FOR_EVER = 3600.0
_LONGEST_LINE = 1 << 26
# As long as those that clients make: a short one takes longer to look for.
_BOUNDARY = "6b1f4f0d3a5c4e21b7d98c2f60a1e5d4"
_FORM = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="recording"\r\n\r\n'.encode()
_FORM_END = f"\r\n--{_BOUNDARY}--\r\n".encode()

# What was found, by these names and of these kinds.
POLLS, POLLS_A_PROCESSOR = "polls a second", "polls a second of its processor time"
TAIL = "99 % of them within, ms"
PACED_TAIL = f"99 % within, at {_WANTED_POLLS:,} a second, ms"
UPLOADS, UPLOADS_A_PROCESSOR = "uploads, MB a second", "uploads, MB a second of its processor time"
SECONDS, PROCESSOR = "its seconds", "its processor seconds"
BARE, ALONE, POLLED = ", bare", ", alone", ", polled"
Found = defaultdict[str, list[float]]


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    *,
    rounds: Rounds = outcome.MEDIAN_OF,
    json_file: JsonFile = None,
) -> None:
    """What the HTTP process takes."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = cuttings(folder, Path(scratch), [_RECORDING_SECONDS] * _RECORDINGS)
        found = asyncio.run(measured([path.read_bytes() for path in paths], rounds))
    outcome.shown(
        "HTTP on one core",
        ("", "appliance", "aiohttp alone", "wanted"),
        [
            (name, _spread(found[name]), _spread(found[name + BARE]), wanted)
            for name, wanted in (
                (POLLS, f"{_WANTED_POLLS:,}"),
                (POLLS_A_PROCESSOR, ""),
                (TAIL, ""),
                (PACED_TAIL, "10"),
                (UPLOADS, "400"),
                (UPLOADS_A_PROCESSOR, ""),
            )
        ],
    )
    outcome.shown(
        f"{_RECORDINGS} recordings by one worker: with {_CROWD:,} clients that poll every second : without",
        ("", "ratio", "wanted"),
        [
            (what, outcome.spread(outcome.ratios(found[what + ALONE], found[what + POLLED]), digits=3), "1.05")
            for what in (SECONDS, PROCESSOR)
        ],
    )
    outcome.written(json_file, "http", found)


def _spread(values: Sequence[float]) -> str:
    return outcome.spread(values, digits=0 if min(values) > 100 else 1)


async def measured(recordings: Sequence[bytes], rounds: int) -> Found:
    """Figures of every round by name."""
    found, all_cores = Found(list), os.sched_getaffinity(0)
    async with (
        running(workers=1, input_storage_size=4 * _UPLOADS * _UPLOAD_BYTES) as service,
        session(service.url) as http,
        bare_server() as (bare_url, bare_pid),
    ):
        location = await submitted(http, recordings[0])
        await ended(http, location)
        (http_pid,) = service.processes("http")
        servers = ((location, service.url, http_pid, ""), (f"{bare_url}/task", bare_url, bare_pid, BARE))
        for _ in range(rounds):
            _apart(all_cores, [http_pid, bare_pid], [service.pid, os.getpid()])
            for address, url, pid, which in servers:
                before = processor_seconds(pid)
                seconds, lasted = await _polls(address, _CONNECTIONS)
                found[POLLS + which].append(len(seconds) / lasted)
                found[POLLS_A_PROCESSOR + which].append(len(seconds) / (processor_seconds(pid) - before))
                found[TAIL + which].append(1000 * percentile(seconds, 0.99))
                seconds, _ = await _polls(address, _PACED_CONNECTIONS, _PACED_CONNECTIONS / _WANTED_POLLS)
                found[PACED_TAIL + which].append(1000 * percentile(seconds, 0.99))
                before = processor_seconds(pid)
                found[UPLOADS + which].append(await _uploads(http, url))
                spent = processor_seconds(pid) - before
                found[UPLOADS_A_PROCESSOR + which].append(_UPLOADS * _UPLOAD_BYTES / 1e6 / spent)
            _apart(all_cores, service.processes("worker"), [service.pid, os.getpid(), bare_pid])
            await _work(found, service, http, recordings, ALONE)
            async with _pollers(location, _CROWD, _FOR_EVER, _PAUSE_SECONDS):
                await _work(found, service, http, recordings, POLLED)
    return found


def _apart(all_cores: set[int], ours: Sequence[int], others: Sequence[int]) -> None:
    """The last core for the processes `ours`, and the rest for `others` and what these have started."""
    own = {max(all_cores)}
    for pid in others:
        pin(pid, all_cores - own or own)
    for pid in ours:
        pin(pid, own)


@asynccontextmanager
async def _pollers(
    url: str, connections: int, seconds: float, pause: float = 0.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of clients, all of which are connected."""
    words = [url, str(connections), str(seconds), "--pause", str(pause)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.pollers", *words, stdout=subprocess.PIPE, limit=_LONGEST_LINE
    )
    try:
        if process.stdout is None or not await process.stdout.readline():
            raise SystemExit("the clients that poll have ended")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _polls(url: str, connections: int, pause: float = 0.0) -> tuple[list[float], float]:
    """The seconds of every poll, and in how many all were done."""
    async with _pollers(url, connections, _SECONDS, pause) as process:
        told, _ = await process.communicate()
        answered = json.decode(told)
    return answered["seconds"], answered["in"]


async def _uploads(http: aiohttp.ClientSession, url: str) -> float:
    """Megabytes a second of some uploads at a time, of what is no recording. They are erased after."""
    contents = [os.urandom(_UPLOAD_BYTES // 100) * 100] * _UPLOADS
    started = time.perf_counter()
    locations = await asyncio.gather(*(asyncio.to_thread(_uploaded, url, content) for content in contents))
    seconds = time.perf_counter() - started
    for location in locations:
        async with http.delete(location):
            pass
    return _UPLOADS * _UPLOAD_BYTES / seconds / 1e6


def _uploaded(url: str, content: bytes) -> str:
    """The address of its task. By a plain socket, which takes next to none of the machine."""
    connection = HTTPConnection(urlsplit(url).netloc)
    connection.putrequest("POST", EXTRACTION)
    connection.putheader("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
    connection.putheader("Content-Length", str(len(_FORM) + len(content) + len(_FORM_END)))
    connection.endheaders()
    for part in (_FORM, content, _FORM_END):
        connection.send(part)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != HTTPStatus.ACCEPTED:
        raise SystemExit(f"refused: {said.decode(errors='replace')}")
    return str(answer.headers["Location"])


async def _work(
    found: Found, service: Running, http: aiohttp.ClientSession, recordings: Sequence[bytes], how: str
) -> None:
    before = service.processor_seconds("worker")
    found[SECONDS + how].append(await timed(crowd(_SENDERS, partial(extracted, http), recordings)))
    found[PROCESSOR + how].append(service.processor_seconds("worker") - before)


if __name__ == "__main__":
    typer.run(main)
