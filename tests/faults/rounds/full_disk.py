"""The disk fills while clients work, slowly enough to be noticed or at once, and is relieved again."""

import asyncio

from tests.faults import disk
from tests.faults.clients import Clients
from tests.faults.disk import Disk
from tests.faults.run import Run

_RESERVE = 4 << 20
# What is left: less than the reserve, so that nothing is taken; a page, so that some write is the last; nothing.
_KINDS = {"disk below its reserve": _RESERVE // 2, "disk full but for a page": 4096, "disk full": 0}
_FULL_SECONDS = (1.0, 3.0)


async def run(run: Run) -> None:
    mounted = disk.can_be_mounted(run.folder / "data")
    run.history.note("ran", how="tmpfs in name spaces" if mounted else "RLIMIT_FSIZE of Redis")
    around = disk.around(run.folder / "data") if mounted else ()
    appliance = run.appliance({"minimum_free_space": _RESERVE}, around=around)

    async def filled(clients: Clients) -> None:
        kinds = list(_KINDS) * (4 if run.thorough else 1)
        for number, kind in enumerate(kinds):
            if run.late:
                run.unreached(len(kinds) - number)
                return
            await asyncio.sleep(run.random.uniform(0.5, 1.5))
            # With something at work whose result will not find any room.
            await clients.submit_all(run.requests.of_kind("long-extraction"))
            run.history.note("fault", kind=kind)
            if mounted:
                Disk(appliance).fill(_KINDS[kind])
                await asyncio.sleep(run.random.uniform(*_FULL_SECONDS))
                Disk(appliance).relieve()
            else:
                disk.limit_redis(appliance, run.random)
            run.history.note("relieved", kind=kind)

    async with appliance.running():
        await run.settled(appliance, await run.under(appliance, filled))
