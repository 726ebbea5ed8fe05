"""The clock of all processes steps by hours, forward and back, while tasks wait and run and workers are killed."""

import asyncio

from tests.faults import clock, faults
from tests.faults.clients import Clients
from tests.faults.clock import Clock
from tests.faults.run import Run

_HOUR = 3600
# Tasks are kept for a day after their end, so the steps stay well below that.
_MOST_HOURS = 10


async def run(run: Run) -> None:
    if (cc := clock.compiler()) is None:
        run.history.note("skipped", why="there is no C compiler to build the clock with")
        return
    set_by_us = Clock(run.folder, cc)
    # gRPC's library waits by the time of day and sleeps for hours when a step is not the system's: an artefact.
    appliance = run.appliance({"grpc": "off"}, variables=set_by_us.variables)

    async def steps(clients: Clients) -> None:
        many = 24 if run.thorough else 4
        for number in range(many):
            if run.late:
                run.unreached(many - number)
                return
            await asyncio.sleep(run.random.uniform(0.3, 1.5))
            wanted = run.random.randint(0, _MOST_HOURS * _HOUR)
            if number % 2:
                wanted = 0
            run.history.note("fault", kind="clock steps forward" if wanted else "clock steps back", to=wanted)
            # With something at work that has to survive it.
            await clients.submit_all(run.requests.of_kind("long-extraction"))
            set_by_us.step(wanted - set_by_us.seconds)
            run.history.note("relieved", kind="clock step")
            if number % 3 == 2:
                await faults.inject(appliance, clients, run.random, "kill worker")

    async with appliance.running():
        await run.settled(appliance, await run.under(appliance, steps, grpc=False))
