"""The HTTP process: everything is wired here and nowhere else."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import cast

import uvloop
from aiohttp import web

from appliance import answers, cors
from appliance.access.door import Door
from appliance.addresses import peer
from appliance.attending import attending
from appliance.context import (
    AUDIT,
    DOOR,
    ENDINGS,
    FILES,
    INTAKE,
    RESULTS,
    SETTINGS,
    STORE,
    TALLY,
    TELLER,
    TRACING,
    WORKFORCE,
)
from appliance.endpoints import console, description, health, listing, metrics, system, tasks, technologies
from appliance.intake import Intake
from appliance.middlewares import around
from appliance.port.connection import Connection
from appliance.port.crowd import Crowd, most_connections
from appliance.port.secure_port import SecurePort
from appliance.processes.telling import told_once
from appliance.results import Results
from appliance.settings import Settings
from appliance.shared_stores import shared
from appliance.webhooks.delivery import deliver
from schemas.errors import ConfigurationError, Overloaded
from tasks.audit import Audit
from tasks.audit.ended import ends
from tasks.connection import shown
from tasks.endings import Endings
from tasks.memory import keep_freed
from tasks.metrics.ends import counted
from tasks.metrics.tally import Tally
from tasks.metrics.telling import Teller
from tasks.tracing import opened
from tasks.workforce import Workforce

log = logging.getLogger(__name__)

# How long a thread that checks or renders may keep the interpreter from the event loop; five milliseconds otherwise.
_SWITCH_SECONDS = 0.001
# Requests under way at a stop get this long; the supervisor counts on it.
SHUTDOWN_SECONDS = 2.0
# Until all is well: how often it is looked, and how often it is said what is not.
_LOOK_SECONDS, _COMPLAINT_SECONDS = 0.05, 5.0


def create_app(settings: Settings) -> web.Application:
    """The application. Raises ConfigurationError for a Redis address or a key ring that cannot be used."""
    if settings.redis_url is None:
        raise ConfigurationError("VOICEPRINT_REDIS_URL is not set: 'voiceprint up' brings a Redis, 'serve' needs one")
    door = Door(settings)
    app = web.Application(middlewares=[around(settings, door)], client_max_size=0)
    app[SETTINGS], app[DOOR] = settings, door
    ring = settings.ring()
    app[AUDIT] = Audit.open(settings.audit, ring)
    stores = shared(settings, settings.redis_url.get_secret_value(), ring)
    app[TALLY] = Tally()
    app[STORE], app[FILES] = stores.tasks(told=counted(app[TALLY], ends(app[AUDIT], "http"))), stores.files()
    app[TELLER] = Teller(app[STORE], app[TALLY])
    app[TRACING] = opened(settings.otel_endpoint, "http")
    app[WORKFORCE] = Workforce(app[STORE])
    app[ENDINGS] = Endings(app[STORE])
    app[INTAKE] = Intake(
        settings,
        app[STORE],
        app[WORKFORCE],
        app[FILES],
        app[AUDIT],
        endings=app[ENDINGS],
        tally=app[TALLY],
        tracing=app[TRACING],
    )
    app[RESULTS] = Results(app[FILES])
    app.on_response_prepare.append(_put_headers)
    app.cleanup_ctx.append(_audited)
    app.cleanup_ctx.append(_store_connection)
    app.cleanup_ctx.append(deliver)
    app.on_shutdown.append(_release_who_waits)
    for endpoint in (technologies, tasks, listing, system, health, metrics, description, console):
        app.add_routes(endpoint.routes())
    return app


async def _put_headers(request: web.Request, response: web.StreamResponse) -> None:
    answers.put_headers(request, response)
    cors.put_headers(request, response, request.app[SETTINGS].cors_origins)


async def _audited(app: web.Application) -> AsyncIterator[None]:
    # The last to end: nobody waits for this loop any more when what is left is written.
    with app[AUDIT].running("http"):
        yield
        await asyncio.to_thread(app[TRACING].close)


async def _store_connection(app: web.Application) -> AsyncIterator[None]:
    async with app[STORE]:
        try:
            await app[STORE].ping()
        except Overloaded as error:
            url = app[SETTINGS].redis_url
            log.warning("Redis at %s: %s", shown(url.get_secret_value() if url else ""), error.message)
        async with app[ENDINGS], attending(app[WORKFORCE], app[TELLER]):
            yield


async def _release_who_waits(app: web.Application) -> None:
    # Before the requests under way are given their time: these would use all of it.
    app[ENDINGS].close()


def serve(settings: Settings, sock: socket.socket, ready: int | None = None) -> None:
    """Answers on the listening socket until SIGTERM or SIGINT.

    `ready` is a pipe that is written to and closed once, when tasks that are submitted would be done. Raises
    ConfigurationError for a certificate or key that cannot be used.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    keep_freed()
    app = create_app(settings)
    # What is there from the start stays: to look through all of it for garbage again and again is in vain.
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, sock, told_once(ready)))


async def _serve(app: web.Application, sock: socket.socket, ready: Callable[[], None]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        listening = await _listening(app[SETTINGS], sock, cast("web.Server", runner.server))
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop.set)
        log.info("listening on port %d", sock.getsockname()[1])
        announcing = asyncio.create_task(_announce(app, ready))
        await stop.wait()
        announcing.cancel()
        listening.close()
    finally:
        await runner.cleanup()


def _crowd(settings: Settings) -> Crowd:
    return Crowd(most_connections(), partial(peer, settings=settings))


async def _listening(settings: Settings, sock: socket.socket, server: web.Server) -> asyncio.Server | SecurePort:
    crowd = _crowd(settings)
    if settings.http_tls_certificate is None:
        made = partial(Connection, server, crowd)
        return await asyncio.get_running_loop().create_server(made, sock=sock, backlog=1024)
    port = SecurePort(settings, sock, server, crowd)
    port.open()
    return port


async def _announce(app: web.Application, ready: Callable[[], None]) -> None:
    """Calls `ready` once a task that is submitted would be done; says what is amiss while that takes long."""
    clock = asyncio.get_running_loop().time
    complaint = clock() + _COMPLAINT_SECONDS
    while faults := [fault for fault in (await health.pings(app)).values() if fault is not None]:
        if clock() > complaint:
            log.warning("not ready yet: %s", "; ".join(faults))
            complaint = clock() + _COMPLAINT_SECONDS
        await asyncio.sleep(_LOOK_SECONDS)
    ready()
