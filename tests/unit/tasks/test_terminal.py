"""A terminal state never changes: every script of the store, run against a task that has ended."""

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

import tasks
from schemas.task import TaskState
from tasks.callbacks import CallbackQueue
from tasks.keys import record_key
from tasks.reconciler import Reconciler
from tasks.record import TaskRecord, now_ms
from tasks.store import AWAITED_SECONDS, TaskStore
from tasks.workforce import Capabilities, Workforce
from tests.unit.tasks.made_tasks import RETENTION, SHA256, claimed, submitted

ENDS: dict[str, Callable[[TaskRecord], TaskRecord]] = {
    "done": lambda running: running.done(10, SHA256),
    "failed": lambda running: running.refused(TaskState.FAILED, {"message": "so"}),
    "rejected": lambda running: running.refused(TaskState.REJECTED, {"message": "so"}),
}


@dataclasses.dataclass
class Life:
    """A task that has ended, and all that its record ever was before."""

    earlier: list[TaskRecord]
    ended: TaskRecord

    @property
    def task_id(self) -> str:
        return self.ended.task_id


async def lived(store: TaskStore, end: str) -> Life:
    pending = await submitted(store, idempotency=b"key")
    first = await claimed(store, pending)
    assert await store.requeue(first, crashed=True)
    second = await claimed(store, first.released(crashed=True))
    ended = ENDS[end](second)
    assert await store.finish(second, ended, retention=RETENTION)
    return Life([pending, first, first.released(crashed=True), second], ended)


async def finish_again(store: TaskStore, life: Life) -> None:
    for earlier in life.earlier:
        for end in ENDS.values():
            if end(earlier) != life.ended:
                assert not await store.finish(earlier, end(earlier), retention=RETENTION)


async def each(change: Callable[[TaskRecord], Awaitable[object]], life: Life) -> None:
    for record in life.earlier:
        assert not await change(record)


# What each script is asked to do to the task; `erase` is not among them: it makes a task that never was.
ATTEMPTS: dict[str, Callable[[TaskStore, Life], Awaitable[object]]] = {
    "submit": lambda store, life: store.submit(life.earlier[0], max_open=10, max_input_bytes=1 << 30),
    "claim": lambda store, life: each(lambda record: store.claim(record, "other"), life),
    "finish": finish_again,
    "requeue": lambda store, life: each(lambda record: store.requeue(record, crashed=True), life),
    "survey": lambda store, _: Workforce(store).bury("a-worker", retention=RETENTION),
    "reconcile": lambda store, life: each(lambda record: store.reconcile(record, retention=RETENTION), life),
    "remember": lambda store, life: each(lambda record: store.remember([record]), life),
    "look": lambda store, _: Workforce(store).heartbeat("a-worker", Capabilities(())),
    "forget": lambda store, _: Reconciler(store, retention=RETENTION).round(),
    "take_callback": lambda store, _: CallbackQueue(store.redis).take(),
    "lost": lambda store, life: store.fail_lost(life.task_id, retention=RETENTION),
    "forgotten": lambda store, life: store.fail_forgotten(life.task_id, retention=RETENTION),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_an_end_is_final(store: TaskStore, workforce: Workforce, attempt: str, end: str) -> None:
    """Whoever holds any earlier record of the task, and whatever is asked for, the very bytes of its record stay, for
    as long as they would have."""
    life = await lived(store, end)
    key = record_key(life.task_id)
    before, left = await store.redis.get(key), await store.redis.pttl(key)
    await ATTEMPTS[attempt](store, life)
    assert await store.redis.get(key) == before
    assert left - 10_000 < await store.redis.pttl(key) <= left
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)


def test_every_script_was_tried() -> None:
    """A script that is added is looked at here: those that are not named never touch a record."""
    scripts = {path.stem for path in Path(tasks.__file__).parent.glob("*.lua")}
    elsewhere = {"erase", "correct_bytes", "disbelieve", "order", "rates", "put_off_callback", "mend"}
    elsewhere |= {"tell", "list", "unlist"}
    assert scripts - elsewhere <= ATTEMPTS.keys()


async def test_what_is_awaited_stays_for_minutes(store: TaskStore) -> None:
    """A task of which only one process knows, which would erase it, is gone soon when that process was killed."""
    running = await claimed(store, await submitted(store, awaited=True))
    assert await store.finish(running, running.done(10, SHA256), retention=86400)
    assert 0 < await store.redis.pttl(record_key(running.task_id)) <= AWAITED_SECONDS * 1000


async def test_a_record_of_tomorrow_ends_as_well(store: TaskStore) -> None:
    """A task that was made by a clock that has been put back since is a task like any other."""
    record = await submitted(store, created_ms=now_ms() + 1000 * 3_600_000)
    running = await claimed(store, record)
    assert await store.finish(running, replace(running, state=TaskState.DONE), retention=RETENTION)
