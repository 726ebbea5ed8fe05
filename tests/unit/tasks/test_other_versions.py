"""Tasks in flight while the appliance is replaced: by a later version, by an earlier one, or under a newer key."""

from dataclasses import asdict, replace
from typing import Any

import msgpack
import pytest

from schemas.keyring import KeyRing, Keys
from schemas.task import TaskState
from tasks.keys import record_key
from tasks.record import TaskRecord, content
from tasks.store import TaskStore
from tests.unit.tasks import made_tasks

FIRST, SECOND = (bytes([number]) * 32 for number in (1, 2))


def written(record: TaskRecord, keys: Keys | None, *, without: tuple[str, ...] = (), **more: Any) -> bytes:
    """The record as another version would have written it, which does not know fields of ours or knows more."""
    fields = asdict(record) | {"state": record.state.value} | more
    for name in (*without, "stored"):
        fields.pop(name, None)
    return content(bytes(msgpack.packb(fields)), keys)


async def through(store: TaskStore, record: TaskRecord) -> None:
    """Takes the task through every change that a record may meet, to its end."""
    read = await store.fetch(record.task_id)
    assert read is not None
    running = await store.claim(read, "one")
    assert running is not None
    assert await store.requeue(running)
    again = await store.fetch(record.task_id)
    assert again is not None
    claimed = await store.claim(again, "another")
    assert claimed is not None
    assert await store.finish(claimed, claimed.done(1, made_tasks.SHA256), retention=made_tasks.RETENTION)
    ended = await store.fetch(record.task_id)
    assert ended is not None
    assert ended.state is TaskState.DONE
    assert await store.erase(ended)


@pytest.mark.parametrize("keys", [None, KeyRing({1: FIRST}).derive("record")], ids=["without keys", "with keys"])
@pytest.mark.parametrize(
    ("without", "more"),
    [((), {"priority": 3, "later": {"a": [1]}}), (("owner", "idempotency", "crashes"), {})],
    ids=["a later version's", "an earlier version's"],
)
async def test_a_record_of_another_version(
    store: TaskStore, keys: Keys | None, without: tuple[str, ...], more: dict[str, Any]
) -> None:
    """A task whose record has fields that are not known here, or lacks some, goes all the way."""
    here = TaskStore(store.redis, keys=keys)
    record = await made_tasks.submitted(here)
    await store.redis.set(record_key(record.task_id), written(record, keys, without=without, **more))
    await through(here, record)


@pytest.mark.parametrize("change", ["finish", "requeue", "erase"])
async def test_a_running_record_of_another_version(store: TaskStore, change: str) -> None:
    """What another version's worker held when it died can be ended, given back and erased here."""
    running = await made_tasks.claimed(store)
    await store.redis.set(record_key(running.task_id), written(running, None, later=1))
    read = await store.fetch(running.task_id)
    assert read is not None
    if change == "finish":
        assert await store.finish(read, read.done(1, made_tasks.SHA256), retention=made_tasks.RETENTION)
    elif change == "requeue":
        assert await store.requeue(read, crashed=True)
    else:
        assert await store.erase(read)


async def test_a_newer_key(store: TaskStore) -> None:
    """Tasks that were accepted before the key ring had a new key are worked on after it."""
    before = TaskStore(store.redis, keys=KeyRing({1: FIRST}).derive("record"))
    after = TaskStore(store.redis, keys=KeyRing({1: FIRST, 2: SECOND}).derive("record"))
    await through(after, await made_tasks.submitted(before))


async def test_what_was_read_is_not_part_of_the_record(store: TaskStore) -> None:
    """A record that was read equals the one that was written, and is written as it was."""
    record = await made_tasks.submitted(store)
    read = await store.fetch(record.task_id)
    assert read == record
    assert read.pack() == record.pack()
    assert replace(read, crashes=1).pack() == replace(record, crashes=1).pack()
