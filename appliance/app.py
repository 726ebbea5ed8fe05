"""The HTTP process: everything is wired here and nowhere else."""

import asyncio
import logging
import signal
import socket
import warnings
from collections.abc import AsyncIterator
from functools import partial
from typing import cast

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web

from appliance import answers
from appliance.addresses import peer
from appliance.connection import Connection
from appliance.context import ENDINGS, FILES, INTAKE, SETTINGS, STORE
from appliance.crowd import Crowd, most_connections
from appliance.endpoints import description, health, system, tasks, technologies
from appliance.intake import Intake
from appliance.middlewares import doors, journal, refuse
from appliance.settings import Settings
from appliance.webhooks.delivery import deliver
from schemas.errors import ConfigurationError, Overloaded
from tasks.connection import shown
from tasks.duties import kept
from tasks.endings import Endings
from tasks.store import HEARTBEAT_SECONDS
from tasks.stores import Stores

log = logging.getLogger(__name__)

# Requests under way at a stop get this long; the supervisor counts on it.
SHUTDOWN_SECONDS = 2.0


def create_app(settings: Settings) -> web.Application:
    """The application. Raises ConfigurationError for a Redis address or a key ring that cannot be used."""
    if settings.redis_url is None:
        raise ConfigurationError("VOICEPRINT_REDIS_URL is not set: 'voiceprint up' brings a Redis, 'serve' needs one")
    app = web.Application(middlewares=[journal, refuse, doors(settings)], client_max_size=0)
    app[SETTINGS] = settings
    stores = Stores(
        settings.redis_url.get_secret_value(), settings.store, settings.ring(), encrypt=settings.encrypt_store
    )
    app[STORE], app[FILES] = stores.tasks(), stores.files()
    app[INTAKE] = Intake(settings, app[STORE], app[FILES])
    app[ENDINGS] = Endings(app[STORE])
    app.on_response_prepare.append(_put_headers)
    app.cleanup_ctx.append(_store_connection)
    app.cleanup_ctx.append(deliver)
    app.on_shutdown.append(_release_who_waits)
    for endpoint in (technologies, tasks, system, health, description):
        app.add_routes(endpoint.routes())
    return app


async def _put_headers(request: web.Request, response: web.StreamResponse) -> None:
    answers.put_headers(request, response)


async def _store_connection(app: web.Application) -> AsyncIterator[None]:
    async with app[STORE]:
        try:
            await app[STORE].ping()
        except Overloaded as error:
            url = app[SETTINGS].redis_url
            log.warning("Redis at %s: %s", shown(url.get_secret_value() if url else ""), error.message)
        # Who is alive is seen by looking steadily.
        async with app[ENDINGS], kept(HEARTBEAT_SECONDS, app[STORE].depth):
            yield


async def _release_who_waits(app: web.Application) -> None:
    # Before the requests under way are given their time: these would use all of it.
    app[ENDINGS].close()


def serve(settings: Settings, sock: socket.socket) -> None:
    """Answers on the listening socket until SIGTERM or SIGINT."""
    asyncio.run(_serve(create_app(settings), sock))


async def _serve(app: web.Application, sock: socket.socket) -> None:
    # A file name in a part's header that aiohttp finds odd would be logged with the warning.
    warnings.simplefilter("ignore", BadContentDispositionHeader)
    warnings.simplefilter("ignore", BadContentDispositionParam)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        server = cast("web.Server", runner.server)
        crowd = Crowd(most_connections(), partial(peer, settings=app[SETTINGS]))
        listening = await loop.create_server(partial(Connection, server, crowd), sock=sock, backlog=1024)
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop.set)
        log.info("listening on port %d", sock.getsockname()[1])
        await stop.wait()
        listening.close()
    finally:
        await runner.cleanup()
