"""Clients that neither ask nor listen, on a server of the test's own whose patience is short."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
from aiohttp import web

from appliance.port.connection import Connection
from appliance.port.crowd import Crowd
from tests.patience import PATIENCE, eventually

LARGE = bytes(16 << 20)


@asynccontextmanager
async def serving(
    *, most: int = 100, idle: float = 600.0, patience: float = 600.0, asking: list[str] | None = None
) -> AsyncIterator[int]:
    """A server with a small answer, a large one, and one that never comes; its port. `asking` gets who waits for the
    last."""
    waiting = [] if asking is None else asking

    async def small(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(LARGE)
        return response

    async def never(request: web.Request) -> web.Response:
        waiting.append(request.path)
        with cast("Connection", request.protocol).while_connected():
            await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.add_routes([web.get("/small", small), web.get("/large", large), web.get("/never", never)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    crowd = Crowd(most, str.encode)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(cast("web.Server", runner.server), crowd, idle=idle, patience=patience), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


def asked(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@pytest.mark.parametrize("sent", [b"", b"GET /small HT", b"GET /small HTTP/1.1\r\nHost: localhost\r\nX-A: b"])
async def test_who_does_not_finish_asking_is_cut_off(sent: bytes) -> None:
    """A connection with nothing on it, half a first line or half the headers is closed, without a word."""
    async with serving(idle=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def test_who_sends_a_byte_now_and_then_is_cut_off() -> None:
    """What trickles in does not begin the wait anew, nor does a request that was answered before."""
    async with serving(idle=1.0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked("/small") + b"GET /")
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        ended = asyncio.create_task(reader.read())
        await eventually(lambda: writer.write(b"a") or ended.done())
        # What is still sent after the end may be answered by a reset.
        with suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in await ended
        writer.close()


async def test_who_does_not_read_is_cut_off() -> None:
    """An answer that nobody takes holds no place: the connection ends before it is whole."""
    async with serving(patience=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        writer.write(asked("/large"))
        await asyncio.sleep(3)
        taken = 0
        with suppress(ConnectionError):
            while more := await asyncio.wait_for(reader.read(1 << 16), PATIENCE):
                taken += len(more)
        assert taken < len(LARGE)
        writer.close()


async def test_who_reads_slowly_is_answered() -> None:
    """An answer that is taken piece by piece is whole, though it takes many times the patience."""
    async with serving(patience=1.0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        writer.write(asked("/large"))
        taken = 0
        while taken < len(LARGE):
            more = await reader.read(1 << 18)
            assert more, "it was cut off"
            taken += len(more)
            await asyncio.sleep(0.05)
        writer.close()


async def test_idle_connections_make_room() -> None:
    """However many stand there, the next client is served; the oldest of them are closed."""
    async with serving(most=40) as port:
        standing = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked("/small"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert await asyncio.wait_for(standing[0][0].read(), PATIENCE) == b""
        for _, one in (*standing, (reader, writer)):
            one.close()


async def test_places_that_are_at_work_are_kept() -> None:
    """When requests are answered on all, the next client is told to come back in the shape of every error."""
    asking: list[str] = []
    async with serving(most=40, asking=asking) as port:
        at_work = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for _, writer in at_work:
            writer.write(asked("/never"))
        await eventually(lambda: len(asking) == len(at_work))
        reader, late = await asyncio.open_connection("127.0.0.1", port)
        head, _, body = (await asyncio.wait_for(reader.read(), PATIENCE)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in head
        assert set(json.loads(body)) == {"type", "message", "detail"}
        assert not any(one.at_eof() for one, _ in at_work)
        for _, one in (*at_work, (reader, late)):
            one.close()
