"""`grpc.health.v1`: whether a task that is submitted now would be done, kept up to date for those who watch."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from appliance import readiness
from appliance.grpc_face.calls import Calls

log = logging.getLogger(__name__)

SERVICE_NAME = health.SERVICE_NAME
# While it serves, and while somebody waits for that.
_LOOK_SECONDS, _WAITING_SECONDS = 1.0, 0.2
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """The health of the server and of each of its `services`, which need the same things."""

    def __init__(self, calls: Calls, services: Sequence[str]) -> None:
        self._calls = calls
        self._names = (health.OVERALL_HEALTH, *services)
        # Its stubs know only the servicer of threads.
        self._servicer: Any = health.aio.HealthServicer()  # type: ignore[attr-defined]
        self._serving: bool | None = None

    async def add(self, server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        await self._tell(serving=False)

    async def keep(self, ready: Callable[[], None] = lambda: None) -> None:
        """Looks again and again until cancelled; calls `ready` each time that all is well."""
        while True:
            found = await readiness.pings(self._calls.settings, self._calls.store, self._calls.files)
            faults = [fault for fault in found.values() if fault is not None]
            await self._tell(serving=not faults, why="; ".join(faults))
            if not faults:
                ready()
            await asyncio.sleep(_WAITING_SECONDS if faults else _LOOK_SECONDS)

    async def close(self) -> None:
        """NOT_SERVING from here on: nobody should come any more."""
        await self._servicer.enter_graceful_shutdown()

    async def _tell(self, *, serving: bool, why: str = "") -> None:
        if serving is self._serving:
            return
        if self._serving is not None:
            log.info("serving" if serving else f"not serving: {why}")
        self._serving = serving
        for name in self._names:
            await self._servicer.set(name, _SERVING if serving else _NOT_SERVING)
