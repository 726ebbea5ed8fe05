"""Power cuts: an appliance that was at work ends at once, and what is on its disk is started again, damaged or not."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults import aof
from tests.faults.appliance import Appliance, NotStarted, free_port
from tests.faults.clients import Clients
from tests.faults.proxy import Proxy
from tests.faults.redis import redis_on
from tests.faults.run import Run

_WORK_SECONDS = (1.0, 2.5)
# How long Redis goes on after anybody has heard of it for the last time.
_UNHEARD_SECONDS = 0.2
# Until there is a call of the script that is to be the last.
_CALLED_SECONDS = 60.0
# A task that is lost is waited for in vain, once for each copy.
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Saved:
    """What was on the disk when the power went.

    `floor` is how long the append-only file was when Redis answered anybody for the last time, `size` how long it was
    in the end. With `appendfsync always` a power cut may take what is between the two, and nothing else.
    """

    appliance: Appliance
    clients: Clients
    folder: Path
    scope: str
    floor: int
    size: int

    async def started_again(self, run: Run, name: str, damage: Callable[[Path], None]) -> None:
        """A copy, to which `damage` is done, is started, and all its tasks are asked for."""
        run.history.scope = self.scope
        run.history.branch(f"{self.scope}-{name}")
        await asyncio.to_thread(shutil.copytree, self.folder, self.appliance.data, ignore=_sockets)
        damage(self.appliance.data)
        try:
            async with self.appliance.running():
                run.history.note("settling")
                await self.clients.settle(_SETTLE_SECONDS)
                await run.audited(self.appliance)
        except NotStarted as error:
            run.history.note("settling")
            run.history.note("down", why=str(error))
        await asyncio.to_thread(shutil.rmtree, self.appliance.data)


async def lost(run: Run, name: str, share: int, last: str) -> Saved:
    """An appliance works until it has acknowledged `share` tasks; then `last` is the last script of which a call gets
    through to Redis, without an answer, along with what was on its way besides; everything ends.

    Redis is not the appliance's own, so that a proxy can stand before it, but its folder is where the appliance's own
    will look for it.
    """
    run.history.scope = f"{run.name}-{name}"
    port = free_port()
    proxy = Proxy(port, run.history)
    appliance = Appliance(run.folder / name, run.settings | {"redis_url": f"redis://127.0.0.1:{proxy.port}"})
    folder = appliance.data / "redis"
    folder.mkdir(parents=True)
    begun, enough = run.history.acknowledged, asyncio.Event()
    async with redis_on(port, folder), proxy.serving(), appliance.running():
        clients = run.clients(appliance, enough.is_set)
        working = asyncio.create_task(clients.run())
        await asyncio.sleep(run.random.uniform(*_WORK_SECONDS))
        while run.history.acknowledged < begun + share and not run.late:
            await asyncio.sleep(run.random.uniform(0.01, 0.05))
        floors: list[int] = []
        proxy.deafen(last, lambda: floors.append(aof.append_only_file(appliance.data).stat().st_size))
        async with asyncio.timeout(_CALLED_SECONDS):
            while not floors:
                await asyncio.sleep(0.01)
        await asyncio.sleep(_UNHEARD_SECONDS)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    size = aof.append_only_file(appliance.data).stat().st_size
    saved = appliance.data.rename(appliance.folder / "saved")
    # Started again with a Redis of its own.
    again = Appliance(appliance.folder, run.settings)
    clients.url = again.url
    return Saved(again, clients, saved, run.history.scope, floors[0], size)


def _sockets(_: str, names: list[str]) -> list[str]:
    """Sockets cannot be copied."""
    return [name for name in names if name.endswith(".sock")]
