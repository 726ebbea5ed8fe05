"""The parts of an appliance run alone, as on machines of their own, and somebody starts each again that has ended."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

from tasks.store import new_worker_name
from tests.faults import processes
from tests.faults.appliance import VOICEPRINT, Appliance
from tests.faults.processes import Process

_START_SECONDS, _PAUSE_SECONDS = 60.0, 0.1


class Parts(Appliance):
    """`voiceprint serve`, `voiceprint grpc` and `workers` workers that die of media with the SHA-256 of `deadly`."""

    def __init__(
        self, folder: Path, settings: Mapping[str, object], *, workers: int, deadly: Sequence[str] = ()
    ) -> None:
        super().__init__(folder, settings)
        self.deaths = 0
        # Told the name of each worker that was killed, by whomever, before its task can be another's.
        self.killed: Callable[[str], None] = lambda _: None
        self._deadly = deadly
        self._launches = [self._part("serve"), self._part("grpc"), *[self._worker] * workers]
        self._keepers: list[asyncio.Task[None]] = []
        self._leaving = False

    async def start(self) -> None:
        """Raises TimeoutError when they are not ready in time."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._keepers = [asyncio.create_task(self._keep(launch)) for launch in self._launches]
        async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession(self.url) as session:
            while not await _ready(session):
                await asyncio.sleep(_PAUSE_SECONDS)

    def children(self, role: str = "") -> list[Process]:
        return [process for process in processes.children(os.getpid()) if role in ("", process.role)]

    async def stop(self) -> list[int]:
        """SIGTERM to each; returns what has outlived that, which should be nothing."""
        self._leaving = True
        for process in self.children():
            # The Redis that they share is not theirs.
            if process.role in processes.ROLES:
                process.send(signal.SIGTERM)
        await asyncio.gather(*self._keepers)
        left = processes.marked(self.mark)
        await self.kill()
        return left

    async def kill(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await super().kill()

    async def _keep(self, launch: Callable[[], list[str]]) -> None:
        while not self._leaving:
            words = launch()
            with self.log.open("a") as log:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    env=self.environment(),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            if await process.wait() == -signal.SIGKILL:
                self.deaths += 1
                if "--name" in words:
                    self.killed(words[words.index("--name") + 1])
            await asyncio.sleep(_PAUSE_SECONDS)

    def _part(self, name: str) -> Callable[[], list[str]]:
        return lambda: [str(VOICEPRINT), name]

    def _worker(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "tests.faults.killing_worker",
            "worker",
            "--name",
            new_worker_name(),
            *self._deadly,
        ]


async def _ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/ready") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False
