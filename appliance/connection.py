"""A client's connection: what never reaches the application, or escapes from it, is answered like everything else."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.web_exceptions import HTTPException

from appliance import answers
from appliance.broken_http import fault
from schemas.errors import Internal, MethodInvalid, Refusal, RequestInvalid

log = logging.getLogger(__name__)

# After a refusal what the client still sends is read and dropped for this long, so that it sees the answer instead of
# a broken connection.
LINGERING_SECONDS = 30.0
# A connection on which no request arrives is closed after this long, aiohttp would wait for an hour.
_IDLE_SECONDS = 75.0
# How much of a body waits in memory. Each piece of it is a trip to a thread that writes, so pieces should be large.
_BUFFER_BYTES = 1 << 19
# A request line as aiohttp repeats it when it does not know the method, and all the methods that it knows and we use.
_REQUEST_LINE = re.compile(r"b['\"][!#$%&'*+.^_`|~0-9A-Za-z-]{1,40} \S+ HTTP/1\.[01]")
_METHODS = "DELETE, GET, HEAD, POST"


class Connection(web.RequestHandler):
    """aiohttp's protocol, made to answer errors in the contract's shape and to log nothing that the client sent."""

    def __init__(self, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as AppRunner itself passes it
            auto_decompress=False,
            keepalive_timeout=_IDLE_SECONDS,
            lingering_time=LINGERING_SECONDS,
            read_bufsize=_BUFFER_BYTES,
        )
        self._waits: asyncio.Task[object] | None = None

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
            log.info("a client left before it was answered, correlation %s", answers.request_id(request))
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
        return await super().finish_response(request, resp, start_time)


def _not_http(exc: BaseException | None, message: str) -> Refusal:
    if isinstance(exc, BadHttpMethod) and _REQUEST_LINE.search(message):
        # Which path was meant is not known: reading ended at the method.
        return MethodInvalid(f"this method is possible nowhere, but {_METHODS} are", headers={hdrs.ALLOW: _METHODS})
    return RequestInvalid(f"the request is not HTTP as it should be: {fault(exc, message)}")
