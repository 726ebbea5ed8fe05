"""One attempt to send a callback: one POST, to the addresses that were admitted and to no other."""

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from appliance.webhooks.backoff import retry_after
from appliance.webhooks.signing import signed
from schemas import json
from tasks.record import Callback, TaskRecord

_CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
# Of an answer its head counts. Before that, HTTP allows any number of "100 Continue", each of which is work.
MOST_BYTES = 1 << 14
_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: `told` in a word for the log. `settled` ends it, or it is tried again, not before
    `asked` seconds when the receiver asked for that."""

    told: str
    settled: bool = False
    asked: float = 0.0


class _Pinned(AbstractResolver):
    """Knows no names but one, and of that only the addresses that were admitted."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        pass


class _Head(ResponseHandler):
    """aiohttp's reader of an answer, of which only the first `MOST_BYTES` are read: then the connection is cut."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._left = MOST_BYTES

    def data_received(self, data: bytes) -> None:
        part, self._left = data[: self._left], max(0, self._left - len(data))
        if part:
            super().data_received(part)
        # What was read is answered with, if it holds a head; nobody waits for the rest.
        if not self._left and self.transport is not None:
            self.transport.abort()


class _Connector(aiohttp.TCPConnector):
    """Connects to the admitted addresses only, and reads of an answer no more than its head."""

    def __init__(self, addresses: Sequence[str], trust: ssl.SSLContext) -> None:
        super().__init__(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True, ssl=trust)
        self._factory = partial(_Head, loop=self._loop)  # type: ignore[assignment]  # it is one, and partial is invariant


class Sender:
    """Sends callbacks signed with `key`. A receiver's certificate is checked against the authorities in `trust`."""

    def __init__(
        self, key: bytes, *, trust: ssl.SSLContext | None = None, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._key = key
        self._trust = trust or ssl.create_default_context()
        self._answer_seconds = answer_seconds
        self._limits: set[asyncio.Timeout] = set()

    def stop(self) -> None:
        """Attempts under way end now, as timed out."""
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now)

    async def send(self, record: TaskRecord, callback: Callback) -> Outcome:
        """Tells of the end of `record`, once. Raises nothing that the receiver could bring about."""
        try:
            async with asyncio.timeout(self._answer_seconds) as limit:
                self._limits.add(limit)
                try:
                    return await self._post(record.task_id, callback, content(record, callback))
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            return Outcome("no answer in time")
        # A receiver that closes, resets, speaks something else, or has no valid certificate.
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(type(error).__name__)

    async def _post(self, task_id: str, callback: Callback, body: bytes) -> Outcome:
        headers = {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.USER_AGENT: "voiceprint",
            hdrs.ACCEPT_ENCODING: "identity",
            **signed(self._key, task_id, int(time.time()), body),
        }
        async with (
            aiohttp.ClientSession(
                connector=_Connector(callback.addresses, self._trust),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
            ) as session,
            # What the answer's body says does not matter: the connection is closed instead of reading it.
            session.post(URL(callback.url, encoded=True), data=body, headers=headers, allow_redirects=False) as answer,
        ):
            settled = 200 <= answer.status < 300 or answer.status == _GONE
            return Outcome(f"status {answer.status}", settled, retry_after(answer.headers.get(hdrs.RETRY_AFTER, "")))


def content(record: TaskRecord, callback: Callback) -> bytes:
    """What is sent: how the task ended and where its result is, never the result. An error comes with it when it is
    small enough to stand in the record."""
    told = record.view().body() | {"technology": record.technology, "location": callback.location}
    return json.encode(told)
