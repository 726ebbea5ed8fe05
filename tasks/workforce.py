"""The workforce: which workers live and what they can do, how much there is to do, and what becomes of the tasks of
those that died.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any

import msgpack

from schemas import json
from schemas.errors import TaskInternalError
from schemas.task import TaskState
from tasks.connection import Foreign, redis_errors
from tasks.dispatch import QUEUE
from tasks.keys import CAPABILITIES, INPUT_BYTES, OPEN, REPORTS, RUNNING, WORKERS
from tasks.pulses import Pulses
from tasks.record import RecordDamaged
from tasks.store import TaskStore

# How often a worker beats, and everybody looks who does: that is most of what an idle appliance costs. Less than half
# of `ALIVE_SECONDS`, since a look that comes later may have been held up as the beats were.
HEARTBEAT_SECONDS = 0.6
# A worker that dies is noticed by the third look after that at which it was heard last, four heartbeats later at most.
ALIVE_SECONDS = 1.7
CRASH_BUDGET = 2


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a worker can do: the `models` it serves by name, the default first, and the kinds of its `heads`. Of each of
    its `gpus`, by an id that is the GPU's own, the bytes of memory in use, by whomever, and those there are."""

    models: tuple[str, ...]
    heads: tuple[str, ...] = ()
    gpus: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Depth:
    """`waiting` and `running` tasks, bytes of their uploads, and what the live workers can do, by their names."""

    waiting: int
    running: int
    input_bytes: int
    workers: Mapping[str, Capabilities]


class Workforce:
    """The workers of the tasks in `store`. Every method may be repeated; raises Overloaded while Redis is away.

    `clock` tells seconds and is never put forward or back.
    """

    def __init__(self, store: TaskStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._pulses = Pulses(ALIVE_SECONDS, clock)
        # Task to worker, as it was last seen, and whether more tasks waited then than had a place in the queue.
        self._owners: dict[bytes, bytes] = {}
        self._stranded = False

    async def heartbeat(self, worker: str, capabilities: Capabilities, report: bytes = b"[]") -> None:
        """Says that `worker` is alive, and looks how it stands; `report` is the JSON list that describes its models."""
        await self._look(worker, json.encode(capabilities), report)

    async def depth(self) -> Depth:
        """How it stands now. Who is alive is told by what has happened between the looks, so somebody looks every
        `HEARTBEAT_SECONDS` where that matters."""
        return await self._look()

    async def _look(self, *beat: str | bytes) -> Depth:
        seen = await self._store.run(
            "look", [QUEUE, OPEN, RUNNING, INPUT_BYTES, WORKERS, CAPABILITIES, REPORTS], list(beat)
        )
        queued, opened, owners, input_bytes, workers, capabilities = msgpack.unpackb(seen, raw=True)
        self._owners, beats, told = _pairs(owners), _pairs(workers), _pairs(capabilities)
        # Who has a task and was never heard is watched as well.
        unheard = dict.fromkeys(self._owners.values(), 0.0)
        self._pulses.look(unheard | {name: float(count) for name, count in beats.items()})
        alive = {name.decode(errors="replace"): _capabilities(told.get(name, b"{}")) for name in self._pulses.alive}
        running = len(self._owners)
        waiting = max(0, opened - running)
        self._stranded = waiting > queued
        try:
            return Depth(waiting, running, int(input_bytes or 0), alive)
        except ValueError as error:
            raise Foreign from error

    async def reports(self) -> dict[str, list[dict[str, Any]]]:
        """What every live worker tells of its models, by the worker's name."""
        alive = (await self.depth()).workers
        async with redis_errors():
            told = await self._store.lane.call("HMGET", REPORTS, *alive) if alive else []
        return {name: _report(report) for name, report in zip(alive, told, strict=True) if report}

    def is_first(self, worker: str) -> bool:
        """Whether `worker` is the one of those alive that does what one of them is enough for. At its start each is."""
        return worker.encode() == min(self._pulses.alive | {worker.encode()})

    async def owned_by(self, worker: str) -> set[str]:
        """The tasks that are `worker`'s to finish."""
        async with redis_errors():
            self._owners = _pairs(await self._store.lane.call("HGETALL", RUNNING))
        return self.seen_with(worker)

    def seen_with(self, worker: str) -> set[str]:
        """The tasks that were `worker`'s when it was last looked how it stands."""
        return {task_id.decode(errors="replace") for task_id, owner in self._owners.items() if owner == worker.encode()}

    async def bury(self, worker: str, *, retention: float) -> int:
        """Gives the tasks of a worker that is known to be dead back at once; returns how many."""
        return await self._give_back([worker, ""], retention)

    async def recover(self, *, retention: float) -> int:
        """Gives back the tasks of the workers that were dead at the last look, and those that arq had lost by then;
        returns how many. A task that has cost `CRASH_BUDGET` workers their lives ends as failed; so does one whose
        record is damaged."""
        dead: list[str | bytes | float] = list(chain.from_iterable(self._pulses.dead.items()))
        # Else there is nothing to find: a survey looks at every task that runs, and every worker makes it.
        return await self._give_back(dead, retention) if dead or self._stranded else 0

    async def _give_back(self, gone: list[str | bytes | float], retention: float) -> int:
        found = await self._store.run("survey", [WORKERS, RUNNING, OPEN, QUEUE, CAPABILITIES, REPORTS], gone)
        for task_id, worker in found:
            await self._recover(task_id.decode(), worker.decode(errors="replace"), retention)
        return len(found)

    async def _recover(self, task_id: str, worker: str, retention: float) -> None:
        try:
            record = await self._store.fetch(task_id) or self._store.unpack(task_id, b"")
        except RecordDamaged as error:
            await self._store.fail_damaged(task_id, error, retention=retention)
            return
        # Since the survey it may have ended after all, or another worker may have recovered it, even have claimed it.
        if record.state.terminal or record.worker != worker:
            await self._store.reconcile(record, retention=retention)
            return
        crashed = bool(worker)
        if crashed and record.crashes + 1 >= CRASH_BUDGET:
            refusal = TaskInternalError(f"{CRASH_BUDGET} workers died while they worked on this task")
            await self._store.finish(record, record.refused(TaskState.FAILED, refusal.body()), retention=retention)
        else:
            await self._store.requeue(record, crashed=crashed)


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """What Redis lists as names, each before its value."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


# They are the same from look to look.
@lru_cache(maxsize=256)
def _capabilities(told: bytes) -> Capabilities:
    try:
        found = json.decode(told)
        gpus = {str(name): (int(used), int(total)) for name, (used, total) in found.get("gpus", {}).items()}
        return Capabilities(tuple(map(str, found.get("models", ()))), tuple(map(str, found.get("heads", ()))), gpus)
    except (ValueError, TypeError, AttributeError):
        # Whoever wrote that is no worker of ours.
        return Capabilities(())


def _report(told: bytes) -> list[dict[str, Any]]:
    try:
        found = json.decode(told)
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
