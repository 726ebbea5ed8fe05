"""Tasks of a backup in a real Redis: they stand there as if they had been submitted and worked on in it."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.backup.format import SavedTask
from appliance.backup.reviving import Revival
from appliance.backup.snapshot import Snapshot
from schemas.errors import ConfigurationError
from schemas.keyring import KeyRing
from schemas.task import TaskState
from tasks.callbacks import CallbackQueue, failures_key
from tasks.files import LocalFileStore
from tasks.keys import CALLBACKS, owner_key, record_key
from tasks.reconciler import Reconciler
from tasks.record import Callback
from tasks.store import TaskStore
from tasks.workforce import Capabilities, Workforce
from tests.unit.tasks import made_tasks

KEYS = KeyRing({1: bytes(32)}).derive("record")
TOLD = Callback("https://receiver.example/", (), "https://here.example/")


@pytest.fixture
async def keyed(store: TaskStore) -> TaskStore:
    return TaskStore(store.redis, keys=KEYS)


async def taken(store: TaskStore, folder: Path) -> list[SavedTask]:
    snapshot = Snapshot(store.redis, LocalFileStore(folder), KEYS)
    return [task async for batch in snapshot.batches(await snapshot.task_ids()) for task, _, _ in batch]


async def revived(store: TaskStore, tasks: list[SavedTask]) -> None:
    await store.redis.flushall()
    revival = Revival(store.redis, KEYS)
    await revival.add(tasks)
    await revival.finish()


async def test_everything_of_a_task(keyed: TaskStore, tmp_path: Path) -> None:
    """State, place, room, retention, callback and Idempotency-Key are those of before, and the reconciler finds nothing
    to mend; what ran waits again, and that is no crash."""
    digest = hashlib.sha256(b"a key").digest()
    first = await made_tasks.submitted(keyed, idempotency=digest, input_bytes=7)
    second = await made_tasks.submitted(keyed, input_bytes=5)
    runs = await made_tasks.claimed(keyed, await made_tasks.submitted(keyed))
    over = await made_tasks.done(
        keyed, await made_tasks.claimed(keyed, await made_tasks.submitted(keyed, callback=TOLD))
    )
    await keyed.redis.set(failures_key(over.task_id), 2)
    before = await taken(keyed, tmp_path)
    await revived(keyed, before)
    assert {task.task_id: task for task in await taken(keyed, tmp_path)}.keys() == {task.task_id for task in before}
    assert await keyed.fetch(first.task_id) == first
    assert await keyed.fetch(over.task_id) == over
    assert await keyed.fetch(runs.task_id) == replace(runs, state=TaskState.PENDING, worker="")
    assert [record.task_id async for record in keyed.open_records()] == [one.task_id for one in (first, second, runs)]
    assert (await Workforce(keyed).depth()).input_bytes == 7 + 5 + runs.input_bytes
    assert await Reconciler(keyed, retention=60).round() == 0
    assert (
        await keyed.submit(replace(first, task_id=over.task_id[::-1]), max_open=9, max_input_bytes=99) == first.task_id
    )
    due = await CallbackQueue(keyed.redis).take()
    assert not isinstance(due, float)
    assert (due.task_id, due.failures) == (over.task_id, 2)
    later = await made_tasks.submitted(keyed)
    assert [record.task_id async for record in keyed.open_records()][-1] == later.task_id


async def test_the_owner_is_known_of_a_record_that_is_damaged_later(keyed: TaskStore, tmp_path: Path) -> None:
    """Of open tasks and of those that have ended, whose owner is kept for as long as they."""
    waits = await made_tasks.submitted(keyed, owner=b"0a1b2c3d")
    over = await made_tasks.done(
        keyed, await made_tasks.claimed(keyed, await made_tasks.submitted(keyed, owner=b"0a1b2c3d"))
    )
    await revived(keyed, await taken(keyed, tmp_path))
    assert await keyed.redis.pttl(owner_key(waits.task_id)) == -1
    assert 0 < await keyed.redis.pttl(owner_key(over.task_id)) <= made_tasks.RETENTION * 1000
    for record in (waits, over):
        await keyed.redis.setrange(record_key(record.task_id), 50, b"\xff")
        failed = await keyed.read(record.task_id, retention=60)
        assert failed is not None
        assert (failed.state, failed.owner) == (TaskState.FAILED, b"0a1b2c3d")


async def test_the_time_that_was_left(keyed: TaskStore, tmp_path: Path) -> None:
    """An ended task stays for as long as it still had to when the backup was made; a callback keeps its delay."""
    over = await made_tasks.done(
        keyed, await made_tasks.claimed(keyed, await made_tasks.submitted(keyed, callback=TOLD))
    )
    (saved,) = await taken(keyed, tmp_path)
    assert saved.retention_ms is not None
    await revived(keyed, [saved._replace(retention_ms=5_000_000, callback_ms=3_000_000)])
    assert 4_900_000 < await keyed.redis.pttl(f"voiceprint:task:{over.task_id}") <= 5_000_000
    (again,) = await taken(keyed, tmp_path)
    assert again.callback_ms is not None
    assert 2_900_000 < again.callback_ms <= 3_000_000
    assert await keyed.redis.zcard(CALLBACKS) == 1


async def test_a_damaged_record(keyed: TaskStore, tmp_path: Path) -> None:
    """It is restored as it was, and ends as failed when it is looked after, as it would have before."""
    record = await made_tasks.submitted(keyed)
    await keyed.redis.setrange(f"voiceprint:task:{record.task_id}", 50, b"\xff")
    (saved,) = await taken(keyed, tmp_path)
    await revived(keyed, [saved])
    workforce = Workforce(keyed)
    await workforce.depth()
    await workforce.recover(retention=60)
    ended = await keyed.fetch(record.task_id)
    assert ended is not None
    assert ended.state is TaskState.FAILED


async def test_nothing_is_put_among_others(store: TaskStore, workforce: Workforce) -> None:
    """A Redis that holds tasks is refused, and so is one whose workers live; those that have died do not matter."""
    revival = Revival(store.redis, None)
    await revival.require_empty("redis://here")
    await workforce.heartbeat("dead", Capabilities(()))
    await revival.require_rest("redis://here")
    await made_tasks.submitted(store)
    with pytest.raises(ConfigurationError, match="nothing is ever overwritten"):
        await revival.require_empty("redis://here")
