"""Some jobs kill their process each time, and nobody supervises: the parts run alone."""

import asyncio
import hashlib

from schemas.documents import Outline, Writer
from tests.faults import faults
from tests.faults.appliance import free_port
from tests.faults.clients import Clients
from tests.faults.faults import Watch
from tests.faults.parts import Parts
from tests.faults.redis import redis_on
from tests.faults.run import Run

_WORKERS = 3
_CRASH_BUDGET = 2


async def run(run: Run) -> None:
    """What kills ends as failed after two deaths; everything else ends as if it were not there."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}"
    killing = run.requests.of_kind("killing")[: None if run.thorough else 2]
    deadly = [hashlib.sha256(_stored(request.body)).hexdigest() for request in killing]
    for request in killing:
        run.history.note("undisturbed", request=request.name, state="failed", digest="")
    parts = Parts(run.folder, run.settings | {"redis_url": url}, workers=_WORKERS, deadly=deadly)
    kills = 0
    async with redis_on(port, run.folder), parts.running():

        async def deaths(clients: Clients) -> None:
            nonlocal kills
            watch = Watch(url)
            ours: set[str] = set()

            def killed(worker: str) -> None:
                # Others that it had count a death as well.
                if worker not in ours:
                    run.history.note("fault", kind="worker killed by its job", under_way=watch.of(worker))

            parts.killed = killed
            for number, request in enumerate(killing):
                if run.late:
                    run.unreached(len(killing) - number)
                    return
                await clients.submit_all([request])
                await asyncio.sleep(run.random.uniform(0.5, 3))
                if worker := await faults.busy_worker(parts, watch, clients):
                    ours.add(worker.name)
                    await faults.kill_worker(watch, run.history, worker, "kill lone worker")
                    kills += 1

        await run.settled(parts, await run.under(parts, deaths))
    if parts.deaths > _CRASH_BUDGET * len(killing) + kills:
        run.history.note("left", kind="more deaths than the crash budget allows", names=[parts.deaths])


def _stored(document: bytes) -> bytes:
    """What a worker is handed of a document."""
    writer = Writer(Outline())
    return writer.add(document) + writer.end()
