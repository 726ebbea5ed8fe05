"""The service under more clients, longer recordings and more workers."""

import statistics
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import typer

from benchmarks.client import crowd, extracted, session, timed
from benchmarks.outcome import percentile
from benchmarks.running import running

# Calls in a round, by how many clients there are at a time.
CLIENTS: Mapping[int, int] = {1: 40, 10: 200, 100: 400, 1000: 1000}
CLIENT_SECONDS = 3.0
LENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3600.0, 7200.0)
_SENDERS = 16


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many clients, each of which sends when it was answered: calls a second, and seconds of calls, by round."""

    clients: int
    rate: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    tail: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Length:
    """One recording of so many seconds: from POST to done, by round."""

    seconds: float
    taken: list[float] = field(default_factory=list)

    def speed(self) -> float:
        """Times faster than real time."""
        return self.seconds / statistics.median(self.taken)


@dataclass(frozen=True, slots=True)
class Workers:
    """So many workers: recordings' seconds a second, by round."""

    workers: int
    speed: list[float] = field(default_factory=list)


async def crowds(recording: bytes, rounds: int, **settings: Any) -> list[Crowd]:
    """A recording of CLIENT_SECONDS over and over, from more and more clients."""
    found = [Crowd(clients) for clients in CLIENTS]
    async with _service(**settings) as http:
        await _warmed(http, recording)
        for number in range(rounds):
            for one in found:
                calls: list[float] = []

                async def call(content: bytes, calls: list[float] = calls) -> None:
                    calls.append(await timed(extracted(http, content)))

                count = CLIENTS[one.clients]
                one.rate.append(count / await timed(crowd(one.clients, call, [recording] * count)))
                one.median.append(statistics.median(calls))
                one.tail.append(percentile(calls, 0.99))
                typer.echo(f"round {number + 1}, {one.clients} clients: {one.rate[-1]:.1f} calls a second", err=True)
    return found


async def lengths(recordings: Sequence[Path], seconds: Sequence[float], rounds: int, **settings: Any) -> list[Length]:
    """One recording after the other, of `seconds` each, on an appliance that has nothing else to do."""
    found = [Length(length) for length in seconds]
    async with _service(**settings) as http:
        await _warmed(http, recordings[0].read_bytes())
        for number in range(rounds):
            for one, path in zip(found, recordings, strict=True):
                one.taken.append(await timed(extracted(http, path.read_bytes())))
                typer.echo(f"round {number + 1}, {one.seconds:g} s: {one.taken[-1]:.3f} s", err=True)
    return found


async def workers(recordings: Sequence[Path], seconds: float, most: int, rounds: int, **settings: Any) -> list[Workers]:
    """All `recordings`, of `seconds` in all, by one worker and by `most`, by turns."""
    contents = [path.read_bytes() for path in recordings]
    found = [Workers(1), Workers(most)]
    async with _service(workers=1, **settings) as few, _service(workers=most, **settings) as many:
        for http in (few, many):
            await _warmed(http, contents[0])
        for _ in range(rounds):
            for one, http in zip(found, (few, many), strict=True):
                one.speed.append(seconds / await timed(crowd(_SENDERS, partial(extracted, http), contents)))
    return found


@asynccontextmanager
async def _service(**settings: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with running(**settings) as service, session(service.url) as http:
        yield http


async def _warmed(http: aiohttp.ClientSession, recording: bytes) -> None:
    """Every worker has had something to do."""
    await crowd(_SENDERS, partial(extracted, http), [recording] * _SENDERS)
