"""One line in the log for every call, how many have been and how many are under way."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from appliance.answers import new_id
from appliance.grpc_face.around import Context
from appliance.grpc_face.callers import called_in
from appliance.grpc_face.crowd import works
from schemas.correlation import about
from tasks.metrics.declared import CALL, CALLS
from tasks.metrics.tally import Tally
from tasks.tracing import trace_id

log = logging.getLogger(__name__)

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Journal:
    """What is under way in one server."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def kept(self, method: str, context: Context) -> AsyncIterator[None]:
        """Around one call, to which all lines of the log that are told in it belong. Nothing of what it carries is
        written down, neither metadata nor messages."""
        working = works(method)
        self._count(working)
        started, status = time.perf_counter(), ""
        with about(request_id=new_id(), trace_id=trace_id(called_in(context))):
            try:
                yield
            except asyncio.CancelledError:
                status = "CANCELLED"
                raise
            finally:
                self._count(-working)
                self._tell(method, status or _status(context), time.perf_counter() - started)

    def _tell(self, method: str, status: str, seconds: float) -> None:
        self._tally.count(CALLS, method, status)
        self._tally.observe(CALL, seconds, method)
        level = logging.INFO if works(method) else logging.DEBUG
        log.log(level, "%s %s in %.1f ms", method, status, seconds * 1000)

    async def idle(self) -> None:
        """Returns when no call is under way that does work."""
        await self._idle.wait()

    def _count(self, more: int) -> None:
        self._working += more
        if self._working:
            self._idle.clear()
        else:
            self._idle.set()


def _status(context: Context) -> str:
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES.get(code or 0, str(code))
