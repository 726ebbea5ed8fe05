"""Power cuts: an appliance that was at work ends at once, and what is on its disk is started again, damaged or not."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults import aof
from tests.faults.appliance import Appliance, NotStarted
from tests.faults.clients import Clients
from tests.faults.run import Run

_WORK_SECONDS = (1.0, 2.5)
# How long the appliance goes on after its clients have heard of anything for the last time.
_UNHEARD_SECONDS = (0.0, 0.4)
# A task that is lost is waited for in vain, once for each copy.
_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Saved:
    """What was on the disk when the power went. `floor` is how long the append-only file was when clients heard of
    anything for the last time, `size` how long it was in the end."""

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
                await run.settled(self.appliance, self.clients, _SETTLE_SECONDS)
        except NotStarted as error:
            run.history.note("settling")
            run.history.note("down", why=str(error))
        await asyncio.to_thread(shutil.rmtree, self.appliance.data)


async def lost(run: Run, name: str, share: int) -> Saved:
    """An appliance works on until it has acknowledged `share` tasks, its clients leave, and then everything ends."""
    run.history.scope = f"{run.name}-{name}"
    appliance = Appliance(run.folder / name)
    begun, enough = run.history.acknowledged, asyncio.Event()
    async with appliance.running():
        clients = run.clients(appliance, enough.is_set)
        working = asyncio.create_task(clients.run())
        await asyncio.sleep(run.random.uniform(*_WORK_SECONDS))
        while run.history.acknowledged < begun + share and not run.late:
            await asyncio.sleep(run.random.uniform(0.01, 0.05))
        # Nothing is awaited from here to the cancellation, so nobody hears anything in between.
        floor = aof.append_only_file(appliance.data).stat().st_size
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await asyncio.sleep(run.random.uniform(*_UNHEARD_SECONDS))
    size = aof.append_only_file(appliance.data).stat().st_size
    folder = appliance.data.rename(appliance.folder / "saved")
    return Saved(appliance, clients, folder, run.history.scope, floor, size)


def _sockets(_: str, names: list[str]) -> list[str]:
    """Sockets cannot be copied."""
    return [name for name in names if name.endswith(".sock")]
