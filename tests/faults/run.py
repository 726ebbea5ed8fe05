"""One run of the suite: what every round has, and what every round does at its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.appliance import Appliance
from tests.faults.clients import Clients
from tests.faults.configuration import fault_of_audit_log
from tests.faults.grpc_clients import GrpcClients
from tests.faults.history import History
from tests.faults.requests import Requests

# How long tasks may take to end after the last fault; a busy machine has all of it.
_SETTLE_SECONDS = 90.0
# A worker that dies between the end of a task and the erasing of its media leaves that to another's sweep: each has one
# in a minute, of what is older than a minute.
_MEDIA_SECONDS = 150.0


@dataclass
class Run:
    """`share` is how many tasks this round is to have acknowledged, and `deadline` the monotonic time at which it ends
    even so. `thorough` says that this is no short round."""

    name: str
    folder: Path
    history: History
    requests: Requests
    seed: int
    share: int
    deadline: float
    thorough: bool

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.random = Random(f"{self.name} {self.seed}")
        self._target = self.history.acknowledged + self.share

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def sated(self) -> bool:
        """Whether as many tasks were acknowledged as there should be, or the time is up."""
        return self.late or self.history.acknowledged >= self._target

    @property
    def settings(self) -> dict[str, object]:
        """Those of the configuration that this round has."""
        return dict(self.requests.configuration.settings)

    def appliance(self, settings: Mapping[str, object] | None = None, **more: Any) -> Appliance:
        """One of this round's configuration, with `settings` besides."""
        return Appliance(self.folder, self.settings | dict(settings or {}), **more)

    def unreached(self, many: int) -> None:
        """Tells of faults for which there was no time."""
        if many:
            self.history.note("unreached", many=many)

    def clients(self, appliance: Appliance, enough: Callable[[], bool], many: int = 12) -> Clients:
        return Clients(
            appliance.url, self.requests, self.history, Random(f"{self.name} clients {self.seed}"), enough, many
        )

    def grpc_clients(self, appliance: Appliance, enough: Callable[[], bool]) -> GrpcClients:
        random = Random(f"{self.name} calls {self.seed}")
        return GrpcClients(f"127.0.0.1:{appliance.grpc}", self.requests, self.history, random, enough)

    async def under(
        self, appliance: Appliance, faults: Callable[[Clients], Awaitable[None]], *, grpc: bool = True
    ) -> Clients:
        """Clients work until the share is there and the `faults` are over, which may use them as well."""
        over = asyncio.Event()

        def enough() -> bool:
            return over.is_set() and self.sated()

        async def injected() -> None:
            await faults(clients)
            over.set()

        clients = self.clients(appliance, enough)
        async with asyncio.TaskGroup() as group:
            group.create_task(injected())
            group.create_task(clients.run())
            if grpc:
                group.create_task(self.grpc_clients(appliance, enough).run())
        return clients

    async def settled(self, appliance: Appliance, clients: Clients) -> None:
        """Every task is asked for once more, then what they left behind is looked for, and the appliance stops."""
        self.history.note("settling")
        await clients.settle(_SETTLE_SECONDS)
        await self._media_is_gone(appliance, clients)
        await self.audited(appliance)
        if left := await appliance.stop():
            self.history.note("left", kind="processes", names=left)

    async def audited(self, appliance: Appliance) -> None:
        """Whether the audit log of a running appliance is whole, where one is kept."""
        if self.requests.configuration.secured:
            log = appliance.data_within / "audit.log"
            why = await asyncio.to_thread(fault_of_audit_log, self.requests.configuration, log)
            self.history.note("audited", why=why)

    async def _media_is_gone(self, appliance: Appliance, clients: Clients) -> None:
        """Of tasks that have ended, and all that there was of those that were erased."""

        def kept() -> set[str]:
            over = clients.ended.keys() | clients.gone
            return (appliance.stored("inputs") & over) | (appliance.stored("results") & clients.gone)

        end = time.monotonic() + _MEDIA_SECONDS
        while (left := kept()) and time.monotonic() < end:
            await asyncio.sleep(0.1)
        if left:
            self.history.note("left", kind="media", names=sorted(left))
