"""An appliance whose Redis somebody else writes to as well."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis import Redis

from tests.conftest import CONVERSION, Appliance, ended
from tests.fuzz.processes import processes

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Scene:
    """An appliance and the Redis that it shares with somebody."""

    appliance: Appliance
    redis: "Redis[bytes]"
    client: httpx.Client
    folder: Path
    good: str

    @property
    def worker(self) -> int:
        (pid,) = (process.pid for process in processes(self.appliance.process.pid) if process.role == "worker")
        return pid

    def submitted(self) -> str:
        answer = self.client.post(CONVERSION, json={"voiceprints": [self.good]})
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"].rpartition("/")[2]

    def state(self, task: str) -> object:
        return ended(self.client, f"{CONVERSION}/{task}")["task"]["state"]  # type: ignore[index]


Act = Callable[[Scene, str], None]


def around(scene: Scene, act: Act) -> str:
    """Does `act` to the second of three tasks that wait, and sees that the others are done; returns its id."""
    os.kill(scene.worker, signal.SIGSTOP)
    try:
        first, victim, last = scene.submitted(), scene.submitted(), scene.submitted()
        act(scene, victim)
    finally:
        os.kill(scene.worker, signal.SIGCONT)
    assert scene.state(first) == scene.state(last) == "done"
    return victim
