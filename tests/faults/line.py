"""A TCP line from a client to one port of the appliance, that can be cut at any moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.appliance import free_port

_CHUNK = 1 << 16


class Line:
    """Serves on `port` what listens on `behind`, until it is cut; then nothing comes through any more.

    `unheard` is what was answered since the line is `deaf`, which nobody gets to read.
    """

    def __init__(self, behind: int) -> None:
        self.port = free_port()
        self.deaf = False
        self.unheard = b""
        self._behind = behind
        self._writers: list[asyncio.StreamWriter] = []
        self._cut = False

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Line"]:
        server = await asyncio.start_server(self._linked, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """At once, on both sides: what was not sent is not sent any more."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    async def _linked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self._behind)
            self._writers.append(requests)
            if not self._cut:
                await asyncio.gather(self._sent(reader, requests), self._answered(answers, writer))
        except OSError:
            pass  # the appliance is away, or the line was cut
        finally:
            self.cut()

    async def _sent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        self.cut()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.deaf:
                self.unheard += data
            else:
                writer.write(data)
                await writer.drain()
        self.cut()
