"""The embedded Redis under the supervisor: a process that is kept alive, and its files repaired when they stop it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from signal import SIGINT, SIGKILL, SIGTERM

from appliance.embedded_redis import redis_server, salvage
from appliance.embedded_redis.redis_server import RedisServer
from appliance.embedded_redis.rescue import rescue, rewrite
from appliance.processes.child import Child
from appliance.processes.ending import Errands, cancelled
from schemas.errors import ConfigurationError, Refusal
from tasks.files import FileStore
from tasks.store import TaskStore

log = logging.getLogger(__name__)


class KeptRedis:
    """`server` as the process `child`. `died` is told of each that ends, before it is looked at why; what takes longer
    is one of the `errands`. Tasks that are lost with a damaged file end as failed, and stay for `retention` seconds."""

    def __init__(
        self, server: RedisServer, *, retention: float, died: Callable[[Child], Awaitable[None]], errands: Errands
    ) -> None:
        self.child = Child("Redis", server.launch, self._ended)
        self._server, self._retention, self._died, self._errands = server, retention, died, errands
        self._salvaged = False

    async def start(self, store: TaskStore, files: FileStore) -> None:
        """Returns once it answers. Raises ConfigurationError when it does not come to that."""
        self._store, self._files = store, files
        await self.child.start()
        answer = asyncio.create_task(redis_server.wait_until_ready(self._server.url))
        death = asyncio.create_task(self.child.wait())
        ended, _ = await asyncio.wait((answer, death), return_when=asyncio.FIRST_COMPLETED)
        await cancelled(answer, death)
        if death not in ended:
            answer.result()
            await self._settle()
        elif self._salvaged or not await self._salvage():
            raise ConfigurationError(self._server.explain(self.child.lines))
        else:
            await self.start(store, files)

    async def _salvage(self) -> bool:
        """Repairs the files of a Redis that has ended; True when something was repaired."""
        repairs = await asyncio.to_thread(salvage.salvage, self._server.folder)
        for repair in repairs:
            log.error("the append-only file was damaged, and Redis refused it; %s", repair)
        self._salvaged = bool(repairs)
        return self._salvaged

    async def _settle(self) -> None:
        """Once Redis answers: what was salvaged is made whole, and what could not be salvaged later is rewritten."""
        try:
            if self._salvaged:
                await rescue(self._store, self._files, retention=self._retention)
                self._salvaged = False
            if salvage.begins_with_snapshot(self._server.folder):
                await rewrite(self._store)
        except Refusal as error:
            log.warning("Redis has ended again: %s", error.message)

    async def _ended(self, child: Child) -> None:
        await self._died(child)
        # What was killed had no reason of its own; a damaged file may bring a server down by any other signal.
        if child.exit_code not in {None, 0, -SIGKILL, -SIGTERM, -SIGINT}:
            try:
                repaired = await self._salvage()
            except ConfigurationError as error:
                repaired = False
                log.error("%s", error.message)
            if repaired:
                self._errands.begin(self._settle_when_ready())
            else:
                log.error("%s", self._server.explain(child.lines))

    async def _settle_when_ready(self) -> None:
        with suppress(ConfigurationError):  # it has ended again, and whoever is told of that begins anew
            await redis_server.wait_until_ready(self._server.url)
            await self._settle()
