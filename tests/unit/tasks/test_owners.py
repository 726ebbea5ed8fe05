"""Whose a task is, kept beside its record: it survives the record's damage, and lives as long as the task."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas import json
from schemas.keyring import KeyRing, Keys
from schemas.task import TaskState
from tasks import owners
from tasks.audit import Audit
from tasks.audit.ended import ends
from tasks.keys import OWNER, owner_key, record_key
from tasks.reconciler import Reconciler
from tasks.record import TaskRecord
from tasks.store import TaskStore
from tests.unit.tasks.made_tasks import RETENTION, claimed, done, submitted

ONE, OTHER = Keys(1, {1: bytes(32)}), Keys(2, {2: bytes([1] * 32)})
RECORD = TaskRecord("a-task", "a-technology", 1, owner=b"0a1b2c3d")


@pytest.mark.parametrize("keys", [None, ONE], ids=["no key ring", "a key ring"])
def test_only_what_was_kept_for_the_task_is_believed(keys: Keys | None) -> None:
    """Not for another task, not when a byte has changed, not under a key that is not known, and not what is none."""
    kept = owners.packed(RECORD, keys)
    assert owners.unpacked("a-task", kept, keys) == b"0a1b2c3d"
    assert owners.unpacked("another", kept, keys) == b""
    assert owners.unpacked("a-task", kept, OTHER) == b""
    for wrong in (None, b"", kept[:-1], kept[:-1] + b"e", RECORD.pack(keys)):
        assert owners.unpacked("a-task", wrong, keys) == b""
    assert owners.packed(replace(RECORD, owner=b""), keys) == b""


async def test_it_goes_with_its_task(store: TaskStore) -> None:
    """It has no end while the task is open, and then that of the record; a task without an owner has none."""
    await submitted(store)
    assert await store.redis.keys(f"{OWNER}*") == []
    running = await claimed(store, await submitted(store, owner=b"owner"))
    assert await store.redis.pttl(owner_key(running.task_id)) == -1
    await done(store, running)
    assert 0 < await store.redis.pttl(owner_key(running.task_id)) <= RETENTION * 1000


async def test_what_holds_no_hash_tells_nobody(store: TaskStore) -> None:
    """Whoever has written over it costs the task no more than that."""
    record = await submitted(store, owner=b"owner")
    await store.redis.set(owner_key(record.task_id), b"x")
    await store.redis.set(record_key(record.task_id), b"damaged")
    failed = await store.read(record.task_id, retention=RETENTION)
    assert failed is not None
    assert (failed.state, failed.owner) == (TaskState.FAILED, b"")


async def test_a_round_puts_it_right(store: TaskStore) -> None:
    """It is made where an open task lacks it, forgotten without its task, and ends with one that has ended."""
    lacking, gone, ended = [await submitted(store, owner=b"owner") for _ in range(3)]
    await done(store, await claimed(store, ended))
    await store.redis.delete(owner_key(lacking.task_id))
    await store.redis.persist(owner_key(ended.task_id))
    await store.erase(gone)
    await store.redis.hset(owner_key(gone.task_id), mapping={"task": gone.task_id, "owner": "x"})  # type: ignore[misc]
    await store.redis.set(OWNER + "odd", "x")
    assert await Reconciler(store, retention=RETENTION).round() == 4
    assert await store.owner(lacking.task_id) == b"owner"
    assert await store.redis.exists(owner_key(gone.task_id), OWNER + "odd") == 0
    assert 0 < await store.redis.pttl(owner_key(ended.task_id)) <= RETENTION * 1000
    assert await Reconciler(store, retention=RETENTION).round() == 0


async def test_a_damaged_record_is_told_once(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line with the task's id, and to the audit log: the end of a task that had none yet, otherwise the damage."""
    told: list[tuple[str, bool]] = []

    def tell(record: TaskRecord, *, again: bool = False) -> None:
        told.append((record.task_id, again))

    async with TaskStore.open(redis_url, told=tell) as store:
        await store.redis.flushall()
        open_, ended = await submitted(store), await submitted(store)
        await done(store, await claimed(store, ended))
        told.clear()
        for task_id in (open_.task_id, ended.task_id):
            await store.redis.set(record_key(task_id), b"damaged")
            for _ in range(2):
                await store.read(task_id, retention=RETENTION)
    assert told == [(open_.task_id, False), (ended.task_id, True)]
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [task_id in line for task_id, line in zip((open_.task_id, ended.task_id), lines, strict=True)] == [True] * 2


def test_the_audit_log_tells_damage_from_an_end(tmp_path: Path) -> None:
    """A task ends once there, whatever becomes of its record."""
    failed = replace(RECORD, technology="").refused(TaskState.FAILED, {"type": "x"})
    audit = Audit.open(tmp_path / "log", KeyRing({1: bytes(32)}))
    with audit.running("worker"):
        ends(audit, "worker")(failed, again=True)
    found = [json.decode(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    told = [(one["what"], one["which"], one["outcome"]) for one in found if one["what"].startswith("task.")]
    assert told == [("task.damaged", {"task": "a-task"}, "failed")]
