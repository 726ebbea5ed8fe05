"""Workers, HTTP, gRPC and Redis are killed and frozen while clients of both interfaces work."""

from tests.faults import faults
from tests.faults.appliance import Appliance
from tests.faults.clients import Clients
from tests.faults.run import Run


async def run(run: Run) -> None:
    appliance = Appliance(run.folder)
    async with appliance.running():

        async def signals(clients: Clients) -> None:
            await faults.signals(
                appliance, clients, run.random, deals=12 if run.thorough else 1, enough=lambda: run.late
            )

        await run.settled(appliance, await run.under(appliance, signals))
