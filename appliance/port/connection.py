"""A client's connection: what never reaches the application, or escapes from it, is answered like everything else."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.web_exceptions import HTTPException

from appliance import answers
from appliance.port.broken_http import fault
from appliance.port.crowd import Crowd
from schemas import json
from schemas.errors import Internal, MethodInvalid, Overloaded, Refusal, RequestInvalid

log = logging.getLogger(__name__)

# After a refusal what the client still sends is read and dropped for this long, so that it sees the answer instead of
# a broken connection.
LINGERING_SECONDS = 30.0
# A connection on which no request arrives, whole up to its body, is closed after this long; aiohttp would wait for an
# hour.
IDLE_SECONDS = 75.0
# In this time a client takes all that it is sent, or as many bytes. Whoever takes it slower does not read.
READER_SECONDS, _READER_BYTES = 60.0, 1 << 16
# How much of a body waits in memory. Each piece of it is a trip to a thread that writes, so pieces should be large.
_BUFFER_BYTES = 1 << 19
# A request line as aiohttp repeats it when it does not know the method, and all the methods that it knows and we use.
_REQUEST_LINE = re.compile(r"b['\"][!#$%&'*+.^_`|~0-9A-Za-z-]{1,40} \S+ HTTP/1\.[01]")
_METHODS = "DELETE, GET, HEAD, POST"


class Connection(web.RequestHandler):
    """aiohttp's protocol, made to answer errors in the contract's shape, to log nothing that the client sent, and to
    hold no place for clients that neither ask nor listen. `idle` and `patience` are in seconds."""

    def __init__(
        self, server: web.Server, crowd: Crowd, *, idle: float = IDLE_SECONDS, patience: float = READER_SECONDS
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as AppRunner itself passes it
            auto_decompress=False,
            keepalive_timeout=idle,
            lingering_time=LINGERING_SECONDS,
            read_bufsize=_BUFFER_BYTES,
        )
        self._crowd, self._patience = crowd, patience
        self._waits: asyncio.Task[object] | None = None
        self._unread: asyncio.TimerHandle | None = None

    @property
    def at_work(self) -> bool:
        """Whether a request is being answered; not, whether the rest of one that was refused is read and dropped."""
        return self._request_in_progress or bool(self._messages)

    def drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sending = cast("asyncio.Transport", transport)
        # Told of every byte that the client does not take.
        sending.set_write_buffer_limits(0)
        address = sending.get_extra_info("peername")
        if not self._crowd.admit(self, address[0] if address else ""):
            log.info("a connection was refused: all places are taken")
            sending.write(_crowded())
            self.force_close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(cast("asyncio.Transport", self.transport))

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _watch(self, transport: asyncio.Transport) -> None:
        unsent = transport.get_write_buffer_size()

        def look() -> None:
            if transport.get_write_buffer_size() > unsent - _READER_BYTES:
                log.info("a client that does not read its answer was cut off")
                transport.abort()
            else:
                self._watch(transport)

        self._unread = asyncio.get_running_loop().call_later(self._patience, look)

    @contextmanager
    def while_connected(self) -> Iterator[None]:
        """In this context, a handler is cancelled when its client leaves: for those that only wait."""
        self._waits = asyncio.current_task()
        try:
            yield
        finally:
            self._waits = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._crowd.leave(self)
        if self._unread is not None:
            self._unread.cancel()
        if self._waits is not None:
            self._waits.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers bytes that are not HTTP; raises ConnectionError when nobody can be answered any more."""
        if isinstance(exc, ConnectionError):
            log.info("a client left before it was answered, request %s", answers.logged_id(request))
            raise exc
        if request.writer.output_size:
            raise ConnectionError("the answer had begun and cannot become another") from exc
        if status >= Internal.http_status:
            log.error("a request failed outside of its handler", exc_info=exc)
            response = answers.error(Internal("something went wrong here; it is logged"))
        else:
            log.info("a request that is not HTTP was refused: %s", type(exc).__name__)
            response = answers.error(_not_http(exc, message or ""))
        answers.put_headers(request, response)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """As aiohttp does; an HTTPException that was raised before the middlewares began gets its body here."""
        if isinstance(resp, HTTPException):
            resp = answers.error(answers.translated(request, resp))
        finished = await super().finish_response(request, resp, start_time)
        self._crowd.heard(self)
        return finished


def _crowded() -> bytes:
    """The answer to a client before it has asked."""
    refusal = Overloaded("all connections are taken: wait a moment", headers={hdrs.RETRY_AFTER: "1"})
    body = json.encode(refusal.body())
    ids = {header: answers.new_id() for header in (answers.CORRELATION_ID, answers.REQUEST_ID)}
    headers = refusal.headers | ids | {hdrs.CONTENT_TYPE: "application/json", hdrs.CONTENT_LENGTH: str(len(body))}
    lines = [f"HTTP/1.1 {refusal.http_status} Service Unavailable", "Connection: close", "Server: voiceprint"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + body


def _not_http(exc: BaseException | None, message: str) -> Refusal:
    if isinstance(exc, BadHttpMethod) and _REQUEST_LINE.search(message):
        # Which path was meant is not known: reading ended at the method.
        return MethodInvalid(f"this method is possible nowhere, but {_METHODS} are", headers={hdrs.ALLOW: _METHODS})
    return RequestInvalid(f"the request is not HTTP as it should be: {fault(exc, message)}")
