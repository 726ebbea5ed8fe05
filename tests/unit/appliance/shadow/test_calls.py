"""What is told of an appliance that cannot be called."""

import asyncio
import socket
import ssl

import aiohttp
import pytest
import trustme

from appliance.shadow.calls import Calls
from schemas.errors import ApplianceError


async def ending(url: str) -> str:
    """What a run ends with that is pointed at `url`."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5)) as session:
        with pytest.raises(ApplianceError) as ended:
            await Calls(session, name="other", base=url, patience=0.0).ask("GET", url)
    start = f"other ({url}) cannot be used: "
    assert ended.value.message.startswith(start)
    return ended.value.message.removeprefix(start)


async def answering(content: bytes, tls: ssl.SSLContext | None = None) -> str:
    """The same of a server that answers with `content`, or with nothing ever when that is empty."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(content)
        if not content:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        return await ending(f"{'https' if tls else 'http'}://127.0.0.1:{port}")


async def test_nobody_there() -> None:
    """In the words of the system, without those of a library."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    assert await ending(f"http://127.0.0.1:{port}") == "no connection to it: Connection refused"
    assert (await ending("http://no-such-host.invalid")).startswith("its name cannot be resolved: ")


async def test_someone_else_there() -> None:
    """A server that is silent, that hangs up, that speaks something else, and whose certificate nobody vouches for."""
    assert await answering(b"") == "it does not answer in time"
    assert await answering(b"\0") == "what it answers is no HTTP"
    assert await answering(b"SSH-2.0-dropbear\r\n") == "what it answers is no HTTP"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    assert (await answering(b"x", context)).startswith("its certificate is not trusted: ")
