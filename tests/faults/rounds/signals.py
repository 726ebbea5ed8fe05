"""Workers, HTTP, gRPC and Redis are killed and frozen while clients of both interfaces work."""

from tests.faults import faults
from tests.faults.clients import Clients
from tests.faults.run import Run


async def run(run: Run) -> None:
    appliance = run.appliance()
    async with appliance.running():

        async def signals(clients: Clients) -> None:
            deals, frozen = (6, faults.LONG) if run.thorough else (1, faults.SHORTLY)
            left = await faults.signals(
                appliance, clients, run.random, deals=deals, frozen=frozen, enough=lambda: run.late
            )
            run.unreached(left)

        await run.settled(appliance, await run.under(appliance, signals))
