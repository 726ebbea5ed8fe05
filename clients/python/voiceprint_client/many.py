"""Many requests, some of them at a time, in the order in which they come to their end."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from concurrent import futures
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any, Generic, TypeVar, cast

from voiceprint_client.errors import ClientError
from voiceprint_client.technology import Request
from voiceprint_client.wire import Answer, Call, Transport

_NONE_AT_ONCE = "`at_once` is at least 1"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of one request, the one of this `number` among all, from 0: a result, or else the error."""

    number: int
    request: Request[Result]
    result: Result | None = None
    error: ClientError | OSError | None = None

    def value(self) -> Result:
        """The result. Raises the error."""
        if self.error is not None:
            raise self.error
        return cast("Result", self.result)


async def each_in_tasks(
    run: Callable[[Request[Result]], Coroutine[Any, Any, Result]], requests: Iterable[Request[Result]], at_once: int
) -> AsyncGenerator[Outcome[Result], None]:
    """Those that have not ended when this is closed are cancelled."""

    async def outcome(number: int, request: Request[Result]) -> Outcome[Result]:
        try:
            return Outcome(number, request, result=await run(request))
        except (ClientError, OSError) as error:
            return Outcome(number, request, error=error)

    if at_once < 1:
        raise ValueError(_NONE_AT_ONCE)
    coming = enumerate(requests)
    running: set[asyncio.Task[Outcome[Result]]] = set()
    try:
        while True:
            for numbered in islice(coming, at_once - len(running)):
                running.add(asyncio.create_task(outcome(*numbered)))
            if not running:
                return
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                running.discard(one)
                yield one.result()
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Stopped(Exception):
    """Nobody wants to know any more."""


class Stoppable:
    """A transport of threads that end when `stop` is set; what they still erase is sent."""

    def __init__(self, transport: Transport, stop: Event) -> None:
        self._transport = transport
        self._stop = stop

    async def send(self, call: Call) -> Answer:
        if call.method != "DELETE" and self._stop.is_set():
            raise Stopped
        return await self._transport.send(call)

    async def pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def each_in_threads(
    run: Callable[[Request[Result]], Result], requests: Iterable[Request[Result]], at_once: int, stop: Event
) -> Generator[Outcome[Result], None, None]:
    """Sets `stop` when it ends or is closed, and waits for its threads."""

    def outcome(number: int, request: Request[Result]) -> Outcome[Result]:
        try:
            return Outcome(number, request, result=run(request))
        except (ClientError, OSError) as error:
            return Outcome(number, request, error=error)

    if at_once < 1:
        raise ValueError(_NONE_AT_ONCE)
    coming = enumerate(requests)
    running: set[futures.Future[Outcome[Result]]] = set()
    with futures.ThreadPoolExecutor(at_once, "voiceprint") as threads:
        try:
            while True:
                for numbered in islice(coming, at_once - len(running)):
                    running.add(threads.submit(outcome, *numbered))
                if not running:
                    return
                ended, running = futures.wait(running, return_when=futures.FIRST_COMPLETED)
                for one in ended:
                    yield one.result()
        finally:
            stop.set()
