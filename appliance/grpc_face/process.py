"""The gRPC process: from its start to a signal."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable

from appliance.grpc_face.server import create_server, opened
from appliance.port import listener
from appliance.processes.telling import told_once
from appliance.settings import Settings

log = logging.getLogger(__name__)


def serve(settings: Settings, reserved: socket.socket, ready: int | None = None) -> None:
    """Answers on the port that `reserved` holds until SIGTERM, which lets calls finish, or SIGINT, which does not.

    `ready` is a pipe that is written to and closed once, when tasks that are submitted would be done. Raises
    ConfigurationError.
    """
    asyncio.run(_serve(settings, listener.address(reserved), told_once(ready)))


async def _serve(settings: Settings, address: str, ready: Callable[[], None]) -> None:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    async with opened(settings) as calls:
        server = create_server(calls, address)
        await server.start(ready)
        log.info("listening on port %d", server.port)
        asked = await signals.get()
        stopping = asyncio.create_task(server.stop(settings.drain_timeout if asked is signal.SIGTERM else 0))
        while not stopping.done():
            more = asyncio.create_task(signals.get())
            await asyncio.wait((stopping, more), return_when=asyncio.FIRST_COMPLETED)
            if more.done() and more.result() is signal.SIGINT:
                server.hurry()
            more.cancel()
        stopping.result()
