"""Processes are killed and frozen, in an order that a seed decides."""

import asyncio
import time
from collections.abc import Callable
from itertools import count
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import cast

import redis

from tasks.keys import OPEN, RUNNING
from tests.faults.appliance import Appliance
from tests.faults.clients import Clients
from tests.faults.history import History
from tests.faults.processes import Process

KINDS = tuple(f"{deed} {role}" for role in ("worker", "serve", "grpc", "redis") for deed in ("kill", "stop"))
# A worker counts as dead after 2 s, and a call to Redis gives up after 5 s: some freeze for less, some for longer.
SHORTLY, LONG = (0.3, 2.5), (0.3, 6.0)
_AGAIN_SECONDS = 30.0
# Longer than a queue takes that is there besides.
_TAKEN_SECONDS = 5.0
_numbers = count(1)


class Watch:
    """What workers work on, by Redis; `url` is where it is, without the proxies of the suite."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=2)

    def of(self, worker: str) -> list[str]:
        """The tasks that a worker has; none when Redis is not there."""
        return [task for task, owner in self.owners().items() if owner == worker]

    def owners(self) -> dict[str, str]:
        try:
            found = cast("dict[bytes, bytes]", self._redis.hgetall(RUNNING))
        except redis.RedisError:
            return {}
        return {task.decode(): owner.decode() for task, owner in found.items()}

    def is_open(self, task_id: str) -> bool:
        """Also while Redis is not there."""
        try:
            return bool(self._redis.zscore(OPEN, task_id) is not None)
        except redis.RedisError:
            return True


async def signals(
    appliance: Appliance,
    clients: Clients,
    random: Random,
    *,
    deals: int,
    frozen: tuple[float, float],
    enough: Callable[[], bool],
) -> int:
    """Every kind of fault, in `deals` shuffles or until it is enough, one after the other with pauses between.

    What freezes does so for the seconds `frozen`, at least and at most. Returns how many faults were left.
    """
    deck: list[str] = []
    while not enough() and (deck or deals):
        if not deck:
            deck, deals = random.sample(KINDS, len(KINDS)), deals - 1
        await asyncio.sleep(random.uniform(0.2, 1.2))
        await inject(appliance, clients, random, deck.pop(), frozen)
    return len(deck) + deals * len(KINDS)


async def inject(
    appliance: Appliance, clients: Clients, random: Random, kind: str, frozen: tuple[float, float] = LONG
) -> None:
    """One fault, over when this returns; what it caused may not be. Nothing, when there is no such process just now."""
    deed, role = kind.split()
    seconds = random.uniform(*frozen)
    if role == "worker":
        try:
            watch = Watch(f"unix://{appliance.redis_socket()}")
        except (IndexError, OSError):
            return
        if worker := await busy_worker(appliance, watch, clients):
            await (
                _freeze_worker(watch, clients.history, worker, seconds)
                if deed == "stop"
                else kill_worker(watch, clients.history, worker, kind)
            )
        return
    if not (there := appliance.children(role)):
        return
    (target,), number = there, next(_numbers)
    clients.history.note("fault", kind=kind, number=number, pid=target.pid)
    if deed == "kill":
        target.send(SIGKILL)
    else:
        target.send(SIGSTOP)
        await asyncio.sleep(seconds)
        target.send(SIGCONT)
    clients.history.note("relieved", kind=kind, number=number)


async def busy_worker(appliance: Appliance, watch: Watch, clients: Clients) -> Process | None:
    """Who works on a long recording, which is given to the appliance when it has none; nobody, when that takes long."""
    long = clients.requests.of_kind("long-extraction")
    if not (tasks := {task for task in clients.waiting(long) if watch.is_open(task)}):
        tasks = {task.task_id for task in await clients.submit_all([clients.random.choice(long)])}
    end = time.monotonic() + _TAKEN_SECONDS
    while time.monotonic() < end and any(map(watch.is_open, tasks)):
        owners = {owner for task, owner in watch.owners().items() if task in tasks}
        for worker in appliance.children("worker") if owners else ():
            if worker.name in owners:
                return worker
        await asyncio.sleep(0.005)
    return None


async def _freeze_worker(watch: Watch, history: History, target: Process, seconds: float) -> None:
    target.send(SIGSTOP)
    history.note("fault", kind="stop worker", number=next(_numbers), pid=target.pid, under_way=watch.of(target.name))
    await asyncio.sleep(seconds)
    target.send(SIGCONT)


async def kill_worker(watch: Watch, history: History, target: Process, kind: str) -> None:
    """Freezes a worker, looks what it has, kills it, and watches until another has that."""
    target.send(SIGSTOP)
    number, under_way = next(_numbers), watch.of(target.name)
    history.note("fault", kind=kind, number=number, pid=target.pid, under_way=under_way)
    killed = time.monotonic()
    target.send(SIGKILL)
    if under_way:
        seconds = await asyncio.to_thread(_until_again, watch, target.name, under_way, killed)
        if seconds is not None:
            history.note("again", kind=f"{kind}, its task runs", number=number, seconds=round(seconds, 4))


def _until_again(watch: Watch, worker: str, tasks: list[str], killed: float) -> float | None:
    """Seconds from `killed` until another worker has the tasks or has finished them, None when that takes very long."""
    while time.monotonic() < killed + _AGAIN_SECONDS:
        owners = watch.owners()
        if all(owners.get(task, worker) != worker or not watch.is_open(task) for task in tasks):
            return time.monotonic() - killed
        time.sleep(0.001)
    return None
