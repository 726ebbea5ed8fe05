"""Connections break: those to Redis at every point of every call that changes a task, and those of clients."""

import asyncio
from itertools import product
from random import Random

from tests.faults import faults
from tests.faults.appliance import free_port
from tests.faults.clients import Clients
from tests.faults.cut_clients import CutClients
from tests.faults.faults import Watch
from tests.faults.proxy import POINTS, Proxy
from tests.faults.redis import redis_on
from tests.faults.run import Run

# The life of a task. A task is only given back when its worker has died, so there have to be such.
_CALLS = ("submit", "claim", "finish", "requeue")
_OFTEN = 6
# Not told with the other kills: what their targets are for is one fault at a time.
_TWO_FAULTS = "kill worker, break its give-back"


async def run(run: Run) -> None:
    port = free_port()
    proxy = Proxy(port, run.history)
    appliance = run.appliance({"redis_url": f"redis://127.0.0.1:{proxy.port}"})
    async with redis_on(port, run.folder), proxy.serving(), appliance.running():
        often = _OFTEN if run.thorough else 1
        few = zip(_CALLS, run.random.sample(POINTS, len(_CALLS)), strict=True)
        points = list(product(_CALLS, POINTS)) * often if run.thorough else list(few)
        run.random.shuffle(points)
        proxy.arm(points)

        async def broken(clients: Clients) -> None:
            watch = Watch(f"redis://127.0.0.1:{port}")
            while proxy.left() and not run.late:
                await asyncio.sleep(run.random.uniform(0.2, 0.8))
                if proxy.left("requeue") and (worker := await faults.busy_worker(appliance, watch, clients)):
                    await faults.kill_worker(watch, run.history, worker, _TWO_FAULTS)
            for kind, harm in (("proxy away", proxy.away), ("proxy silent", proxy.silent)):
                run.history.note("fault", kind=kind)
                await harm(run.random.uniform(1.0, 3.0))
                run.history.note("relieved", kind=kind)
                await asyncio.sleep(1)

        async def cut(clients: Clients) -> None:
            run.unreached(
                await CutClients(appliance, clients, Random(f"{run.name} cuts {run.seed}")).run(often, lambda: run.late)
            )

        async def both(clients: Clients) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(broken(clients))
                group.create_task(cut(clients))

        await run.settled(appliance, await run.under(appliance, both))
    run.unreached(proxy.left())
