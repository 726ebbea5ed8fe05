"""The transports, over httpx: one that blocks and one that does not."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import httpx

from voiceprint_client.content import Body
from voiceprint_client.errors import NoAnswer
from voiceprint_client.settings import Settings
from voiceprint_client.wire import Answer, Call

# For how many seconds a cancelled call waits for what it would otherwise leave behind without a name.
_LATE = 5.0
# Another attempt would end the same way.
_LASTING = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.DecodingError)


class Blocking:
    """Its coroutines come to their end without a loop; threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.timeout
        self._http = httpx.Client(**_options(settings))

    async def send(self, call: Call) -> Answer:
        if call.content:
            call.content.prepare()
        with call.content.opened() if call.content else nullcontext() as body:
            blocks = body.blocks if body else None
            try:
                found = self._http.request(content=blocks, **_request(call, body, self._timeout))
            except httpx.RequestError as error:
                raise _no_answer(error) from error
        return Answer(found.status_code, found.headers, found.content)

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  # no loop is there to be held up

    def close(self) -> None:
        self._http.close()


class Looping:
    """For asyncio; recordings are read in threads."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.timeout
        self._http = httpx.AsyncClient(**_options(settings))

    async def send(self, call: Call) -> Answer:
        whole = asyncio.Event()
        if call.late is None:
            return await self._sent(call, whole)
        sending = asyncio.create_task(self._sent(call, whole))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            if whole.is_set():
                await asyncio.wait([sending], timeout=_LATE)
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                call.late(sending.result())
            raise
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _sent(self, call: Call, whole: asyncio.Event) -> Answer:
        """Sets `whole` when nothing is left to be sent."""
        if call.content:
            await asyncio.to_thread(call.content.prepare)
        with call.content.opened() if call.content else nullcontext() as body:
            blocks = _in_threads(body, whole) if body else None
            try:
                found = await self._http.request(content=blocks, **_request(call, body, self._timeout))
            except httpx.RequestError as error:
                raise _no_answer(error) from error
        return Answer(found.status_code, found.headers, found.content)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self._http.aclose()


async def _in_threads(body: Body, whole: asyncio.Event) -> AsyncIterator[bytes]:
    left = body.length
    while left:
        block = await asyncio.to_thread(next, body.blocks, b"")
        left -= len(block)
        if not left:
            whole.set()
        yield block


def _options(settings: Settings) -> dict[str, Any]:
    try:
        ours = version("voiceprint-client")
    except PackageNotFoundError:
        ours = "0"  # run from its source
    key = {} if settings.api_key is None else {"Authorization": f"Bearer {settings.api_key}"}
    return {
        "base_url": settings.url,
        "headers": {"User-Agent": f"voiceprint-client/{ours}", **key},
        # Those who wait for the ends of tasks have one each, and must not keep the others from calling.
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=100),
        "verify": settings.tls or _trusting(settings.url),
    }


def _trusting(url: str) -> ssl.SSLContext | bool:
    """Public authorities, which take a while to be read; nobody where no TLS is spoken."""
    return True if urlsplit(url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _request(call: Call, body: Body | None, timeout: float) -> dict[str, Any]:
    carried = {"Content-Type": body.content_type, "Content-Length": str(body.length)} if body else {}
    return {
        "method": call.method,
        "url": call.path,
        "params": call.parameters,
        "headers": {**call.headers, **carried},
        "timeout": httpx.Timeout(timeout, read=timeout + call.waits),
    }


def _no_answer(error: httpx.RequestError) -> NoAnswer:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NoAnswer(f"the certificate is not trusted: {cause.verify_message}", passing=False)
        cause = cause.__cause__ or cause.__context__
    words = "there was no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)
    return NoAnswer(words or type(error).__name__, passing=not isinstance(error, _LASTING))
