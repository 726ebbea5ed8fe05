"""`voiceprint up`: embedded Redis, HTTP and gRPC process, workers; started in order, kept alive, stopped in order."""

import asyncio
import logging
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from signal import SIGINT, SIGTERM, Signals

from appliance.embedded_redis import redis_server
from appliance.embedded_redis.kept import KeptRedis
from appliance.embedded_redis.redis_server import RedisServer
from appliance.exit_codes import ExitCode
from appliance.port import listener
from appliance.processes.child import Child
from appliance.processes.crew import Crew
from appliance.processes.ending import Errands, cancelled, gone, received
from appliance.processes.launches import Launches
from appliance.processes.telling import Telling
from appliance.settings import Settings
from schemas.errors import ConfigurationError, Refusal
from tasks.audit import Audit
from tasks.audit.ended import ends
from tasks.metrics.declared import RESTARTS
from tasks.metrics.ends import counted
from tasks.metrics.tally import Tally
from tasks.metrics.telling import Teller
from tasks.stores import Stores
from tasks.workforce import Workforce

log = logging.getLogger(__name__)

# Ctrl-C: how long HTTP, workers and gRPC may take, what gRPC has at least after the others, and Redis. Together below
# the 5 s that a person is promised.
_INTERRUPT_SECONDS, _GRPC_INTERRUPT_SECONDS, _REDIS_INTERRUPT_SECONDS = 3.2, 0.4, 0.6
# SIGTERM: workers bound themselves by `drain_timeout`; the margin is for giving back what it did not suffice for.
_DRAIN_MARGIN_SECONDS, _GRPC_DRAIN_SECONDS, _REDIS_DRAIN_SECONDS = 5.0, 3.0, 10.0
_BURIAL_SECONDS = 0.3
_COMPLAINT_SECONDS = 5.0


class Supervisor:
    """The processes of one appliance.

    `listening` takes HTTP's connections, `reserved` holds the port of gRPC, which is not served without. `redis_url` is
    where Redis is, which is started here when `server` is given. `devices` are the GPUs over which the workers are
    spread, as CUDA_VISIBLE_DEVICES names them.
    """

    def __init__(
        self,
        settings: Settings,
        listening: socket.socket,
        redis_url: str,
        *,
        reserved: socket.socket | None = None,
        server: RedisServer | None = None,
        workers: int = 1,
        devices: Sequence[str] = (),
        audit: Audit,
    ) -> None:
        self._settings, self._listening, self._reserved, self._redis_url = settings, listening, reserved, redis_url
        self._audit, self._ready, self._errands = audit, asyncio.Event(), Errands()
        self._http_telling, self._grpc_telling = Telling(), Telling()
        launches = Launches(settings, redis_url)
        self._http = Child("HTTP server", partial(launches.http, listening, self._http_telling), self._process_died)
        launch_grpc = partial(launches.grpc, reserved, self._grpc_telling) if reserved else None
        self._grpc = Child("gRPC server", launch_grpc, self._process_died) if launch_grpc else None
        # A device belongs to a process from its start, so a spare can only replace workers on its own.
        sizes = Counter(devices[n % len(devices)] if devices else None for n in range(workers))
        self._crews = [
            Crew(size, partial(launches.worker, device), self._worker_died, spare=settings.spare_worker)
            for device, size in sizes.items()
        ]
        self._workers = [member for crew in self._crews for member in crew.members]
        self._redis = (
            KeptRedis(server, retention=settings.retention, died=self._died, errands=self._errands) if server else None
        )

    async def run(self) -> ExitCode:
        """Until a signal, and returns the exit code.

        SIGTERM drains, SIGINT gives back to the queue what runs, a SIGINT after that kills. Raises ConfigurationError
        when the appliance cannot start.
        """
        signals = received()
        settings = self._settings
        stores = Stores(self._redis_url, settings.store, settings.ring(), encrypt=settings.encrypt_store)
        self._files = stores.files()
        self._tally = Tally()
        told = counted(self._tally, ends(self._audit, "supervisor"))
        async with stores.tasks(ended=self._files.erase_input, told=told) as self._store:
            self._teller = Teller(self._store, self._tally)
            living, first = asyncio.create_task(self._live()), asyncio.create_task(signals.get())
            await asyncio.wait((living, first), return_when=asyncio.FIRST_COMPLETED)
            asked = first.result() if first.done() else SIGINT
            # From here on, what ends stays ended.
            await cancelled(living, first)
            await self._errands.cancel()
            code = await self._stop(asked, signals)
        if not living.cancelled():
            living.result()
        return code

    async def _live(self) -> None:
        """Starts all processes and keeps them. Runs until cancelled, or raises ConfigurationError."""
        if self._redis:
            await self._redis.start(self._store, self._files)
        else:
            await redis_server.wait_until_ready(self._redis_url)
        for face in self._faces():
            await face.start()
        for crew in self._crews:
            await crew.start()
        duties = [child.keep() for child in (*self._faces(), *self._redis_process())]
        duties += [duty for crew in self._crews for duty in crew.duties(self._ready)]
        try:
            async with asyncio.TaskGroup() as group:
                for duty in (*duties, self._announce()):
                    group.create_task(duty)
        except ExceptionGroup as faults:
            # The others say the same. Not except*, which wraps what is raised in it on Python before 3.11.4.
            if refused := faults.subgroup(ConfigurationError):
                raise refused.exceptions[0] from None
            raise

    def _faces(self) -> list[Child]:
        return [self._http, *([self._grpc] if self._grpc else [])]

    def _redis_process(self) -> list[Child]:
        return [self._redis.child] if self._redis else []

    async def _announce(self) -> None:
        """Prints the ready line once every process that answers has found that a task submitted now would be done."""
        while not await self._http_telling.heard(_COMPLAINT_SECONDS):
            log.warning("not ready yet: the HTTP server does not serve")
        while self._reserved and not await self._grpc_telling.heard(_COMPLAINT_SECONDS):
            log.warning("not ready yet: the gRPC server does not serve")
        self._ready.set()
        both = f": gRPC on {listener.reachable(*self._reserved.getsockname()[:2])}, REST" if self._reserved else ""
        # Scripts take the last word.
        sys.stdout.write(f"voiceprint is ready{both} on {self._http.name}\n")
        sys.stdout.flush()

    async def _process_died(self, child: Child) -> None:
        # One that says at the start that its settings are wrong would say so for ever.
        if child.exit_code == ExitCode.MISCONFIGURED and not self._ready.is_set():
            raise ConfigurationError(f"the {child.role} could not start, for the reason it gave above")
        await self._died(child)

    async def _died(self, child: Child) -> None:
        self._tally.count(RESTARTS, child.role)
        self._errands.begin(self._tell())

    async def _tell(self) -> None:
        # It may have been Redis that died. What cannot be told now is told with the next.
        with suppress(ConfigurationError):
            await redis_server.wait_until_ready(self._redis_url)
            await self._teller.now()

    async def _worker_died(self, child: Child) -> None:
        await self._process_died(child)
        # Beside the restart, which must not wait for a Redis that may be down as well.
        self._errands.begin(self._bury(child.name))

    async def _bury(self, worker: str) -> None:
        try:
            returned = await Workforce(self._store).bury(worker, retention=self._settings.retention)
        except Refusal as error:
            log.warning("the tasks of %s stay until its heartbeat lapses: %s", worker, error.message)
        else:
            if returned:
                log.warning("%d tasks of %s went back to the queue", returned, worker)

    async def _stop(self, asked: Signals, signals: "asyncio.Queue[Signals]") -> ExitCode:
        """Stops everything as `asked`; SIGINT hastens it, and a second one ends it."""
        self._listening.close()
        kept = [*self._faces(), *self._workers, *self._redis_process()]
        stopping = asyncio.create_task(self._wind_down(asked))
        while not stopping.done():
            more = asyncio.create_task(signals.get())
            await asyncio.wait((stopping, more), return_when=asyncio.FIRST_COMPLETED)
            if more.done() and more.result() is SIGINT and not stopping.done():
                await cancelled(stopping)
                if asked is SIGINT:
                    await gone(kept, 0)
                    return ExitCode.INTERRUPTED
                asked = SIGINT
                stopping = asyncio.create_task(self._wind_down(asked))
            await cancelled(more)
        stopping.result()
        return ExitCode.DONE

    async def _wind_down(self, asked: Signals) -> None:
        """HTTP first, so that nothing new comes in; Redis last, because the others write to it until they end.

        gRPC before it: its calls wait for what the workers still finish, and for nothing once these have ended.
        """
        drain = asked is SIGTERM
        self._http.send(SIGTERM)
        for child in (*filter(None, [self._grpc]), *self._workers):
            child.send(asked)
        patience = self._settings.drain_timeout + _DRAIN_MARGIN_SECONDS if drain else _INTERRUPT_SECONDS
        clock = asyncio.get_running_loop().time
        end = clock() + patience
        await gone([self._http, *self._workers], patience)
        if self._grpc:
            self._grpc.send(SIGINT)
            # Interrupted, it has all the time that the others did not need: its calls remove what they have stored.
            least = _GRPC_DRAIN_SECONDS if drain else max(_GRPC_INTERRUPT_SECONDS, end - clock())
            await gone([self._grpc], least)
        for worker in self._workers:
            if worker.exit_code:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_BURIAL_SECONDS):
                        await self._bury(worker.name)
        if self._redis:
            self._redis.child.send(SIGTERM)
            await gone([self._redis.child], _REDIS_DRAIN_SECONDS if drain else _REDIS_INTERRUPT_SECONDS)
