"""No fault at all: what every request comes to when nothing happens, by which all other results are judged."""

from pathlib import Path
from random import Random

import aiohttp

from schemas.voiceprint import Voiceprint, from_base64
from tests.faults.appliance import Appliance
from tests.faults.clients import Clients, headers_of
from tests.faults.configuration import Configuration
from tests.faults.grpc_clients import GrpcClients
from tests.faults.history import History
from tests.faults.requests import RECORDINGS, Requests, recording

_PATIENCE_SECONDS = 120.0


async def undisturbed(
    folder: Path, history: History, seed: int, configuration: Configuration, *, few: bool = False
) -> Requests:
    """The requests of a run in this `configuration`, the end of each noted in `history` as undisturbed."""
    history.scope = f"quiet {configuration.name}"
    appliance = Appliance(folder, configuration.settings)
    begun = len(history.events)
    async with appliance.running():
        requests = Requests(seed, await _extracted(appliance.url, configuration), configuration, few=few)
        clients = Clients(appliance.url, requests, history, Random(seed), enough=lambda: True)
        await clients.submit_all(requests.by_name.values())
        await clients.settle(_PATIENCE_SECONDS)
        calls = GrpcClients(f"127.0.0.1:{appliance.grpc}", requests, history, Random(seed), enough=lambda: True)
        await calls.all_once()
        await appliance.stop()
    for event in history.events[begun:]:
        if event["what"] == "ended":
            name = clients.tasks[event["task"]].request.name
            history.note("undisturbed", request=name, state=event["state"], digest=event["digest"])
        elif event["what"] == "answered":
            history.note("undisturbed", request=event["request"], state="done", digest=event["digest"])
    history.acknowledged = 0
    return requests


async def _extracted(url: str, configuration: Configuration) -> Voiceprint:
    """A voiceprint after which the others are made."""
    request = recording("first", "extraction", (RECORDINGS / "demo.flac").read_bytes())
    async with aiohttp.ClientSession(url, headers=headers_of(configuration.owners[0])) as session:
        headers = {"Content-Type": request.content_type}
        async with session.post(request.path, data=request.body, headers=headers, raise_for_status=True) as answer:
            location = answer.headers["Location"]
        async with session.get(location, params={"wait": 60}, raise_for_status=True) as answer:
            poll = await answer.json()
    return configuration.signatures.decode(from_base64(poll["result"]["channels"][0]["voiceprint"]))
