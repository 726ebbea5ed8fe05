"""One gRPC server: every service, health and reflection, behind the same doors and limits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import grpc.aio
from grpc_reflection.v1alpha import reflection

from appliance.access.door import Door
from appliance.attending import telling
from appliance.grpc_face import health, tls
from appliance.grpc_face.around import Around
from appliance.grpc_face.audited import Audited
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.crowd import MOST_CALLS, Crowd
from appliance.grpc_face.doors import Doors
from appliance.grpc_face.health import Health
from appliance.grpc_face.journal import Journal
from appliance.grpc_face.one_message import OneMessage
from appliance.grpc_face.refusals import refuse
from appliance.grpc_face.services import services
from appliance.intake import Intake
from appliance.port.crowd import most_connections
from appliance.settings import Settings
from appliance.shared_stores import shared
from schemas.errors import ConfigurationError
from tasks.audit import Audit
from tasks.audit.ended import ends
from tasks.endings import Endings
from tasks.metrics.ends import counted
from tasks.metrics.tally import Tally
from tasks.metrics.telling import Teller
from tasks.tracing import opened as tracing_opened
from tasks.workforce import Workforce

# Clients put 1,024 voiceprints into a message. 16 KiB for each is four times the largest that is made here. Every call
# may hold a message of that length, so it bounds the memory of the process.
MOST_MESSAGE_BYTES = 1024 * ((16 << 10) + 16)
# What clients take without being told otherwise: services split what is longer.
MOST_REPLY_BYTES = 4 << 20
# Beyond what is refused in words (`crowd`), no more are looked at.
_MOST_CALLS = 4 * MOST_CALLS
# Keys and trace ids fit many times over.
_MOST_METADATA_BYTES = 16 << 10

_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MOST_REPLY_BYTES),
    ("grpc.max_metadata_size", _MOST_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MOST_METADATA_BYTES),
    ("grpc.max_concurrent_streams", 100),
    # A compressed message is measured before it is unpacked, so a small one could become any size: none is taken.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    # Whoever opens a connection must say what for, and one that carries nothing is let go.
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 60_000),
    # Peers that vanished are noticed, peers that only ping are sent away.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 3),
    # The port is held by a socket that does not listen, over every restart of this process.
    ("grpc.so_reuseport", 1),
]
# How long a call may take to answer once nobody waits for its task any more.
_GOODBYE_SECONDS = 1.0


class Server:
    """A server that is bound to `address` and answers from `start` to `stop`."""

    def __init__(self, calls: Calls, address: str) -> None:
        """Raises ConfigurationError for an address, a certificate or a key that cannot be used."""
        self._calls = calls
        self._journal = Journal(calls.tally)
        self._hurry = asyncio.Event()
        self._server = grpc.aio.server(
            interceptors=[
                Around(self._journal.kept, refuse, Audited(calls.audit).told),
                Doors(Door(calls.settings)),
                # A call without its message is not yet one of those under way.
                OneMessage(MOST_MESSAGE_BYTES),
                Around(Crowd().admitted),
            ],
            options=[*_OPTIONS, ("grpc.max_allowed_incoming_connections", most_connections())],
            maximum_concurrent_rpcs=_MOST_CALLS,
        )
        for service in services().values():
            service.add(self._server, calls)
        self._health = Health(calls, tuple(services()))
        names = (*services(), health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        credentials = tls.credentials(calls.settings)
        try:
            self.port = (
                self._server.add_secure_port(address, credentials)
                if credentials
                else self._server.add_insecure_port(address)
            )
        except RuntimeError as error:
            raise ConfigurationError(f"{address} cannot be listened on") from error

    async def start(self, ready: Callable[[], None] = lambda: None) -> None:
        """`ready` is called once tasks that are submitted would be done, and now and then after that."""
        await self._health.add(self._server)
        await self._server.start()
        self._keeping = asyncio.create_task(self._health.keep(ready))

    async def stop(self, grace: float) -> None:
        """Takes no more calls, gives those under way `grace` seconds, and tells the others that it ends."""
        await self._health.close()
        closing = asyncio.create_task(self._server.stop(grace + 2 * _GOODBYE_SECONDS))
        # Not the server's own patience, which would wait for those who watch our health as well.
        idle, hurry = asyncio.create_task(self._journal.idle()), asyncio.create_task(self._hurry.wait())
        await asyncio.wait((idle, hurry), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        self._calls.endings.close()
        await asyncio.wait((idle,), timeout=_GOODBYE_SECONDS)
        idle.cancel()
        hurry.cancel()
        await self._server.stop(None)
        # Not cancelled: redis-py swallows a cancellation now and then. It ends by itself with its last look.
        await asyncio.gather(closing, self._keeping)

    def hurry(self) -> None:
        """Whatever grace was given ends now."""
        self._hurry.set()


def create_server(calls: Calls, address: str) -> Server:
    """A server for the opened use cases, bound to `address` as gRPC writes it, not yet started.

    Raises ConfigurationError for an address, a certificate or a key that cannot be used.
    """
    return Server(calls, address)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Calls]:
    """The use cases, until the end of the context. Raises ConfigurationError for a Redis that is not set or cannot be
    used."""
    if settings.redis_url is None:
        raise ConfigurationError("VOICEPRINT_REDIS_URL is not set: 'voiceprint up' brings a Redis, 'grpc' needs one")
    ring = settings.ring()
    audit = Audit.open(settings.audit, ring)
    stores = shared(settings, settings.redis_url.get_secret_value(), ring)
    files, tally = stores.files(), Tally()
    tracing = tracing_opened(settings.otel_endpoint, "grpc")
    with audit.running("grpc"), closing(tracing):
        async with stores.tasks(told=counted(tally, ends(audit, "grpc"))) as store, Endings(store) as endings:
            workforce = Workforce(store)
            intake = Intake(settings, store, workforce, files, audit, endings=endings, tally=tally, tracing=tracing)
            # Who is alive is seen by looking steadily, which the server's health does.
            async with telling(Teller(store, tally)):
                yield Calls(settings, store, workforce, files, intake, endings, audit, tally)
