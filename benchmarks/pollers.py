"""A process of clients that poll, each on a connection of its own, and take little of the machine themselves.

    python -m benchmarks.pollers URL CONNECTIONS SECONDS [--pause SECONDS]

Every client polls again when it has been answered; with `--pause` once in so many seconds, and the time of a poll
counts from when it was due. Prints a line when all are connected, and one of JSON at the end: the seconds that each
poll took, and in how many all were done.
"""

import asyncio
import time
from functools import partial
from typing import Annotated, cast
from urllib.parse import urlsplit

import typer

from schemas import json

_OK, _LENGTH, _HEAD_END = b"HTTP/1.1 200", b"content-length:", b"\r\n\r\n"


class _Client(asyncio.Protocol):
    """One connection, which sends `request` at `first` and then again, for as long as is left; into `taken` go the
    seconds of each. Streams would be easier to read, and take as much of the machine as the server does."""

    def __init__(self, request: bytes, first: float, pause: float, end: float, taken: list[float]) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._request, self._due, self._pause, self._end, self._taken = request, first, pause, end, taken
        self._answer = bytearray()
        self._length: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._later()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._length is None and (head := self._answer.find(_HEAD_END)) >= 0:
            self._length = head + len(_HEAD_END) + _content_length(bytes(self._answer[:head]))
        if self._length is not None and len(self._answer) >= self._length:
            now = time.perf_counter()
            self._taken.append(now - self._due)
            self._answer.clear()
            self._length = None
            self._due = self._due + self._pause if self._pause else now
            self._later()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or EOFError("the server has ended a connection"))

    def _later(self) -> None:
        if self._due > self._end:
            self.ended.set_result(None)
            self._transport.close()
        elif (wait := self._due - time.perf_counter()) > 0:
            asyncio.get_running_loop().call_later(wait, self._transport.write, self._request)
        else:
            self._transport.write(self._request)


def _content_length(head: bytes) -> int:
    """Raises ValueError for an answer that is not 200."""
    if not head.startswith(_OK):
        raise ValueError(head.decode(errors="replace"))
    return int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])


async def polled(url: str, connections: int, seconds: float, pause: float) -> list[float]:
    """The seconds of every poll. Raises ValueError for an answer that is not 200, and OSError."""
    place = urlsplit(url)
    request = f"GET {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    start, taken = time.perf_counter(), list[float]()
    clients = []
    for number in range(connections):
        first = start + number / connections * pause
        new = partial(_Client, request, first, pause, start + seconds, taken)
        _, client = await asyncio.get_running_loop().create_connection(new, place.hostname or "", place.port or 80)
        clients.append(client.ended)
    typer.echo("connected")
    await asyncio.gather(*clients)
    return taken


def main(
    url: str,
    connections: int,
    seconds: float,
    pause: Annotated[float, typer.Option(help="From one poll of a client to its next, seconds.")] = 0.0,
) -> None:
    """Poll an address, and print how long each poll took."""
    started = time.perf_counter()
    taken = asyncio.run(polled(url, connections, seconds, pause))
    typer.echo(json.encode({"seconds": taken, "in": time.perf_counter() - started}))


if __name__ == "__main__":
    typer.run(main)
