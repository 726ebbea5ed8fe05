"""The HTTP process: everything is wired here and nowhere else."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator

from aiohttp import web

from appliance.context import FILES, INTAKE, SETTINGS, STORE
from appliance.endpoints import health, system, tasks, technologies
from appliance.intake import Intake
from appliance.middlewares import doors, identify, put_headers, refuse
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from tasks.files import LocalFileStore
from tasks.store import TaskStore

# After a refusal what the client still sends is read and dropped for this long, so that it sees the answer instead of
# a broken connection.
LINGERING_SECONDS = 30.0
# Requests under way at a stop get this long; the supervisor counts on it.
SHUTDOWN_SECONDS = 2.0


def create_app(settings: Settings) -> web.Application:
    """The application. Raises ConfigurationError for a Redis address that cannot be used."""
    if settings.redis_url is None:
        raise ConfigurationError("VOICEPRINT_REDIS_URL is not set: 'voiceprint up' brings a Redis, 'serve' needs one")
    app = web.Application(middlewares=[identify, refuse, doors(settings)], client_max_size=0)
    app[SETTINGS] = settings
    app[STORE] = TaskStore.open(settings.redis_url.get_secret_value())
    app[FILES] = LocalFileStore(settings.store)
    app[INTAKE] = Intake(settings, app[STORE], app[FILES])
    app.on_response_prepare.append(put_headers)
    app.cleanup_ctx.append(_store_connection)
    for endpoint in (technologies, tasks, system, health):
        app.add_routes(endpoint.routes())
    return app


async def _store_connection(app: web.Application) -> AsyncIterator[None]:
    async with app[STORE]:
        yield


def serve(settings: Settings, sock: socket.socket) -> None:
    """Answers on the listening socket until SIGTERM or SIGINT."""
    asyncio.run(_serve(create_app(settings), sock))


async def _serve(app: web.Application, sock: socket.socket) -> None:
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        lingering_time=LINGERING_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, sock, backlog=1024).start()
        stop = asyncio.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        await stop.wait()
    finally:
        await runner.cleanup()
