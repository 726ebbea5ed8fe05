"""`grpc.health.v1`: whether a task that is submitted now would be done, kept up to date for those who watch."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from appliance import readiness
from appliance.grpc_face.calls import Calls
from tasks.duties import following
from tasks.workforce import HEARTBEAT_SECONDS

log = logging.getLogger(__name__)

SERVICE_NAME = health.SERVICE_NAME
# While somebody waits for it to serve; from then on it looks with everybody else.
_WAITING_SECONDS = 0.2
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


# Its stubs know only the servicer of threads.
class _Servicer(health.aio.HealthServicer):  # type: ignore[name-defined,misc]
    async def List(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  # the protocol's name
        """The health of all services at once, which the servicer that grpc brings does not tell."""
        return health_pb2.HealthListResponse(
            statuses={name: health_pb2.HealthCheckResponse(status=now) for name, now in self._server_status.items()}
        )


class Health:
    """The health of the server and of each of its `services`, which need the same things."""

    def __init__(self, calls: Calls, services: Sequence[str]) -> None:
        self._calls = calls
        self._names = (health.OVERALL_HEALTH, *services)
        self._servicer = _Servicer()
        self._serving: bool | None = None
        self._closed = asyncio.Event()

    async def add(self, server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        await self._tell(serving=False)

    async def keep(self, ready: Callable[[], None] = lambda: None) -> None:
        """Looks again and again until closed; calls `ready` each time that all is well."""
        clock = asyncio.get_running_loop().time
        while not self._closed.is_set():
            faults = await self._faults()
            await self._tell(serving=not faults, why="; ".join(faults))
            if not faults:
                ready()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(following(_WAITING_SECONDS if faults else HEARTBEAT_SECONDS, clock())):
                    await self._closed.wait()

    async def close(self) -> None:
        """NOT_SERVING from here on: nobody should come any more."""
        self._closed.set()
        await self._servicer.enter_graceful_shutdown()

    async def _faults(self) -> list[str]:
        try:
            found = await readiness.pings(
                self._calls.settings, self._calls.workforce, self._calls.files, self._calls.audit
            )
        except Exception:
            # Whatever it is, it must not leave the last answer standing for ever.
            log.exception("looking after the health failed")
            return ["something went wrong here; the log says what"]
        return [fault for fault in found.values() if fault is not None]

    async def _tell(self, *, serving: bool, why: str = "") -> None:
        if serving is self._serving:
            return
        if self._serving is not None:
            log.info("serving" if serving else f"not serving: {why}")
        self._serving = serving
        for name in self._names:
            await self._servicer.set(name, _SERVING if serving else _NOT_SERVING)
