"""`voiceprint up`: embedded Redis, HTTP and gRPC process, workers; started in order, kept alive, stopped in order."""

import asyncio
import logging
import socket
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from signal import SIG_IGN, SIGHUP, SIGINT, SIGKILL, SIGTERM, Signals, getsignal
from typing import Any

from appliance.embedded_redis import redis_server, salvage
from appliance.embedded_redis.redis_server import RedisServer
from appliance.embedded_redis.rescue import rescue, rewrite
from appliance.exit_codes import ExitCode
from appliance.port import listener
from appliance.processes.child import Child, Launch
from appliance.processes.crew import Crew
from appliance.processes.telling import Telling
from appliance.settings import Settings, child_environment
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

_REDIS_START_SECONDS = 15.0
# Ctrl-C: how long HTTP, workers and gRPC may take, what gRPC has at least after the others, and Redis. Together below
# the 5 s that a person is promised.
_INTERRUPT_SECONDS, _GRPC_INTERRUPT_SECONDS, _REDIS_INTERRUPT_SECONDS = 3.2, 0.4, 0.6
# SIGTERM: workers bound themselves by `drain_timeout`; the margin is for giving back what it did not suffice for.
_DRAIN_MARGIN_SECONDS, _GRPC_DRAIN_SECONDS, _REDIS_DRAIN_SECONDS = 5.0, 3.0, 10.0
_BURIAL_SECONDS = 0.3
_POLL_SECONDS, _COMPLAINT_SECONDS = 0.05, 5.0


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
        self._settings, self._listening, self._redis_url, self._server = settings, listening, redis_url, server
        self._url = listener.url(listening, secure=settings.http_tls_certificate is not None)
        self._http = Child("HTTP server", self._launch_http, self._face_died)
        self._audit = audit
        self._reserved, self._http_telling, self._grpc_telling = reserved, Telling(), Telling()
        self._grpc = Child("gRPC server", self._launch_grpc(reserved), self._face_died) if reserved else None
        # A device belongs to a process from its start, so a spare can only replace workers on its own.
        sizes = Counter(devices[n % len(devices)] if devices else None for n in range(workers))
        self._crews = [Crew(size, self._launch_worker(device), self._worker_died) for device, size in sizes.items()]
        self._workers = [member for crew in self._crews for member in crew.members]
        self._redis = Child("Redis", server.launch, self._redis_died) if server else None
        self._ready, self._salvaged = asyncio.Event(), False
        self._duties: set[asyncio.Task[None]] = set()

    async def run(self) -> ExitCode:
        """Until a signal, and returns the exit code.

        SIGTERM drains, SIGINT gives back to the queue what runs, a SIGINT after that kills. Raises ConfigurationError
        when the appliance cannot start.
        """
        signals = _received()
        settings = self._settings
        self._stores = Stores(self._redis_url, settings.store, settings.ring(), encrypt=settings.encrypt_store)
        self._tally = Tally()
        told = counted(self._tally, ends(self._audit, "supervisor"))
        async with self._stores.tasks(ended=self._stores.files().erase_input, told=told) as self._store:
            self._teller = Teller(self._store, self._tally)
            living, first = asyncio.create_task(self._live()), asyncio.create_task(signals.get())
            await asyncio.wait((living, first), return_when=asyncio.FIRST_COMPLETED)
            asked = first.result() if first.done() else SIGINT
            # From here on, what ends stays ended.
            await _cancelled(living, first, *self._duties)
            code = await self._stop(asked, signals)
        if not living.cancelled():
            living.result()
        return code

    async def _live(self) -> None:
        """Starts all processes and keeps them. Runs until cancelled, or raises ConfigurationError."""
        if self._redis and self._server:
            await self._start_redis(self._redis, self._server)
        else:
            await redis_server.wait_until_ready(self._redis_url, _REDIS_START_SECONDS)
        faces = [self._http, *filter(None, [self._grpc])]
        for start in (*(face.start for face in faces), *(crew.start for crew in self._crews)):
            await start()
        duties = [child.keep() for child in (*faces, *filter(None, [self._redis]))]
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

    async def _start_redis(self, redis: Child, server: RedisServer) -> None:
        await redis.start()
        answer = asyncio.create_task(redis_server.wait_until_ready(server.url, _REDIS_START_SECONDS))
        death = asyncio.create_task(redis.wait())
        ended, _ = await asyncio.wait((answer, death), return_when=asyncio.FIRST_COMPLETED)
        await _cancelled(answer, death)
        if death not in ended:
            answer.result()
            await self._settle(server)
        elif self._salvaged or not await self._salvage(server):
            raise ConfigurationError(server.explain(redis.lines))
        else:
            await self._start_redis(redis, server)

    async def _salvage(self, server: RedisServer) -> bool:
        """Repairs the files of a Redis that has ended; True when something was repaired."""
        repairs = await asyncio.to_thread(salvage.salvage, server.folder)
        for repair in repairs:
            log.error("the append-only file was damaged, and Redis refused it; %s", repair)
        self._salvaged = bool(repairs)
        return self._salvaged

    async def _settle(self, server: RedisServer) -> None:
        """Once Redis answers: what was salvaged is made whole, and what could not be salvaged later is rewritten."""
        try:
            if self._salvaged:
                await rescue(self._store, self._stores.files(), retention=self._settings.retention)
                self._salvaged = False
            if salvage.begins_with_snapshot(server.folder):
                await rewrite(self._store)
        except Refusal as error:
            log.warning("Redis has ended again: %s", error.message)

    async def _announce(self) -> None:
        """Prints the ready line once every process that answers has found that a task submitted now would be done."""
        while not await self._http_telling.heard(_COMPLAINT_SECONDS):
            log.warning("not ready yet: the HTTP server does not serve")
        while self._reserved and not await self._grpc_telling.heard(_COMPLAINT_SECONDS):
            log.warning("not ready yet: the gRPC server does not serve")
        self._ready.set()
        both = f": gRPC on {listener.reachable(*self._reserved.getsockname()[:2])}, REST" if self._reserved else ""
        # Scripts take the last word.
        sys.stdout.write(f"voiceprint is ready{both} on {self._url}\n")
        sys.stdout.flush()

    def _launch_http(self) -> Launch:
        # The socket stays ours: while the process is replaced, connections wait in it and none is refused.
        passed = (self._listening.fileno(), self._http_telling.writing)
        words = ("serve", "--fd", str(passed[0]), "--ready-fd", str(passed[1]))
        return Launch(self._url, *self._command(*words), pass_fds=passed)

    def _launch_grpc(self, reserved: socket.socket) -> Callable[[], Launch]:
        # The port stays ours while the process is replaced; connections cannot wait in it, so clients try again.
        passed = (reserved.fileno(), self._grpc_telling.writing)
        words = ("grpc", "--fd", str(passed[0]), "--ready-fd", str(passed[1]))
        # Its threads copy large messages: what each of them had would stay with it.
        memory = {"MALLOC_ARENA_MAX": "2"}
        return lambda: Launch(listener.address(reserved), *self._command(*words, **memory), pass_fds=passed)

    def _launch_worker(self, device: str | None) -> Callable[[str, int | None], Launch]:
        variables = {} if device is None else {"CUDA_VISIBLE_DEVICES": device}

        def launch(name: str, standby: int | None) -> Launch:
            waiting = () if standby is None else (standby,)
            words = ("--standby-fd", str(standby)) if waiting else ()
            return Launch(name, *self._command("worker", "--name", name, *words, **variables), pass_fds=waiting)

        return launch

    def _command(self, *words: str, **variables: str) -> tuple[list[str], dict[str, str]]:
        # Nothing in the folder in which it was started is a module of ours.
        return [sys.executable, "-P", "-m", "appliance", *words], child_environment(
            self._settings, VOICEPRINT_REDIS_URL=self._redis_url, **variables
        )

    async def _must_be_configured(self, child: Child) -> None:
        """A process that says at the start that its settings are wrong would say so for ever."""
        if child.exit_code == ExitCode.MISCONFIGURED and not self._ready.is_set():
            raise ConfigurationError(f"the {child.role} could not start, for the reason it gave above")

    async def _face_died(self, child: Child) -> None:
        await self._must_be_configured(child)
        self._count(child)

    def _count(self, death: Child) -> None:
        self._tally.count(RESTARTS, death.role)
        self._beside(self._tell())

    async def _tell(self) -> None:
        # It may have been Redis that died. What cannot be told now is told with the next.
        with suppress(ConfigurationError):
            await redis_server.wait_until_ready(self._redis_url, _REDIS_START_SECONDS)
            await self._teller.now()

    async def _redis_died(self, child: Child) -> None:
        self._count(child)
        # What was killed had no reason of its own; a damaged file may bring a server down by any other signal.
        if self._server and child.exit_code not in {None, 0, -SIGKILL, -SIGTERM, -SIGINT}:
            try:
                repaired = await self._salvage(self._server)
            except ConfigurationError as error:
                repaired = False
                log.error("%s", error.message)
            if repaired:
                self._beside(self._settle_when_ready(self._server))
            else:
                log.error("%s", self._server.explain(child.lines))

    async def _settle_when_ready(self, server: RedisServer) -> None:
        with suppress(ConfigurationError):  # it has ended again, and whoever is told of that begins anew
            await redis_server.wait_until_ready(server.url, _REDIS_START_SECONDS)
            await self._settle(server)

    async def _worker_died(self, child: Child) -> None:
        await self._must_be_configured(child)
        self._count(child)
        # Beside the restart, which must not wait for a Redis that may be down as well.
        self._beside(self._bury(child.name))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._duties.add(task)
        task.add_done_callback(self._duties.discard)

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
        kept = [self._http, *filter(None, [self._grpc]), *self._workers, *filter(None, [self._redis])]
        stopping = asyncio.create_task(self._wind_down(asked))
        while not stopping.done():
            more = asyncio.create_task(signals.get())
            await asyncio.wait((stopping, more), return_when=asyncio.FIRST_COMPLETED)
            if more.done() and more.result() is SIGINT and not stopping.done():
                await _cancelled(stopping)
                if asked is SIGINT:
                    await _gone(kept, 0)
                    return ExitCode.INTERRUPTED
                asked = SIGINT
                stopping = asyncio.create_task(self._wind_down(asked))
            await _cancelled(more)
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
        await _gone([self._http, *self._workers], patience)
        if self._grpc:
            self._grpc.send(SIGINT)
            # Interrupted, it has all the time that the others did not need: its calls remove what they have stored.
            least = _GRPC_DRAIN_SECONDS if drain else max(_GRPC_INTERRUPT_SECONDS, end - clock())
            await _gone([self._grpc], least)
        for worker in self._workers:
            if worker.exit_code:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_BURIAL_SECONDS):
                        await self._bury(worker.name)
        if self._redis:
            self._redis.send(SIGTERM)
            await _gone([self._redis], _REDIS_DRAIN_SECONDS if drain else _REDIS_INTERRUPT_SECONDS)


def _received() -> "asyncio.Queue[Signals]":
    """The signals that arrive from here on."""
    arrived: asyncio.Queue[Signals] = asyncio.Queue()
    # A terminal that closes is someone who leaves, unless nohup says otherwise.
    meanings = {SIGTERM: SIGTERM, SIGINT: SIGINT} | ({} if getsignal(SIGHUP) is SIG_IGN else {SIGHUP: SIGINT})
    for number, meaning in meanings.items():
        asyncio.get_running_loop().add_signal_handler(number, arrived.put_nowait, meaning)
    return arrived


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    """Returns when the tasks have ended; how is left to whoever asks them."""
    pending = set(tasks)
    while pending:
        # More than once: under redis-py, `wait_for` of Python 3.11 loses a cancellation that meets its result.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_POLL_SECONDS)


async def _gone(children: Iterable[Child], patience: float) -> None:
    """Returns when the processes have ended; those that have not within `patience` seconds are killed."""
    ends = {asyncio.create_task(child.wait()): child for child in children}
    _, late = await asyncio.wait(ends, timeout=patience)
    for end in late:
        log.warning("%s %s did not end within %.1f s and is killed", ends[end].role, ends[end].name, patience)
        ends[end].kill()
    await asyncio.wait(ends)
