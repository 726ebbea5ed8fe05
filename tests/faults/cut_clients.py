"""Clients of both interfaces whose own connection is cut, at a chosen point of a call."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from random import Random

import aiohttp
import grpc.aio

from tests.faults.appliance import Appliance
from tests.faults.clients import BROKEN, Clients, headers_of
from tests.faults.grpc_clients import GrpcClients
from tests.faults.history import History
from tests.faults.line import Line
from tests.faults.requests import Request, keys

# Before the first byte of the body, midway in it, behind its last byte, and when an answer is there that nobody reads.
POINTS = ("before", "midway", "after", "unread")
FACES = ("http", "grpc")
# As long as an answer is waited for that nobody will read.
_ANSWER_SECONDS = 5.0
_PAUSE_SECONDS = (0.05, 0.3)
_TASK = re.compile(rb'"task_id":\s*"([^"]+)"')


@dataclass
class CutClients:
    """One client after the other, whose line is cut; those over REST who had a key then send their request again."""

    appliance: Appliance
    clients: Clients
    random: Random

    def __post_init__(self) -> None:
        self._keys: Iterator[str] = keys(self.random)

    @property
    def _history(self) -> History:
        return self.clients.history

    async def run(self, often: int, late: Callable[[], bool]) -> int:
        """Each point of each interface so often, or until it is late. Returns how many were not reached."""
        points = list(product(FACES, POINTS)) * often
        self.random.shuffle(points)
        while points and not late():
            face, point = points.pop()
            self._history.note("fault", kind=f"client's {face} {point}")
            await (self._post(point) if face == "http" else self._call(point))
            await asyncio.sleep(self.random.uniform(*_PAUSE_SECONDS))
        return len(points)

    async def _post(self, point: str) -> None:
        """Without a key, nobody knows what came of it: there is no acknowledgement and nothing to be kept."""
        kind = self.random.choice(("conversion", "merging", "extraction"))
        request = self.random.choice(self.clients.requests.of_kind(kind))
        owner = self.random.choice(self.clients.requests.configuration.owners)
        key = next(self._keys) if self.random.random() < 0.75 else ""
        await self._cut_post(request, owner, key, point)
        if key:
            await self.clients.again(request, owner, key)

    async def _cut_post(self, request: Request, owner: str, key: str, point: str) -> None:
        headers = headers_of(owner, {"Content-Type": request.content_type, "Content-Length": str(len(request.body))})
        if key:
            headers["Idempotency-Key"] = key
        async with Line(self.appliance.http).up() as line, aiohttp.ClientSession() as session:
            line.deaf = True
            cutting = asyncio.create_task(self._cut_when_answered(line) if point == "unread" else asyncio.sleep(0))
            body = self._body(request, line, point)
            with suppress(*BROKEN):
                await session.post(f"http://127.0.0.1:{line.port}{request.path}", data=body, headers=headers)
            await cutting
            # The client has not read it, so it is no acknowledgement; its key has made this task all the same.
            if key and (made := _TASK.search(line.unheard)):
                self._history.note("made", task=made[1].decode(), key=key)

    async def _body(self, request: Request, line: Line, point: str) -> AsyncIterator[bytes]:
        begin = {"before": 0, "midway": len(request.body) // 2}.get(point, len(request.body))
        if begin:
            yield request.body[:begin]
        if point != "unread":
            # It is on its way, if not there; what is cut at once may arrive or not.
            await asyncio.sleep(self.random.choice((0, 0.02)))
            line.cut()

    async def _cut_when_answered(self, line: Line) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                while not line.unheard:
                    await asyncio.sleep(0.005)
        line.cut()

    async def _call(self, point: str) -> None:
        """A call is a task that nobody can ask for again, so its end is only that of a call."""
        calls = GrpcClients(
            f"127.0.0.1:{self.appliance.grpc}", self.clients.requests, self._history, self.random, enough=bool
        )
        request = self.random.choice(self.clients.requests.of_kind("extraction"))

        async with Line(self.appliance.grpc).up() as line:

            async def cut() -> None:
                if point == "unread":
                    line.deaf = True
                    await self._cut_when_answered(line)
                else:
                    await asyncio.sleep(self.random.choice((0, 0.02)))
                    line.cut()

            share = {"before": 0.0, "midway": 0.5}.get(point, 1.0)
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await calls.cut_extraction(f"127.0.0.1:{line.port}", request, share, cut)
