"""Taking tasks back: whatever their state, nothing of them is left in Redis or in the store folder."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.keyring import Keys
from schemas.task import TaskState
from tasks.erasing import erase, may_see, of_owner
from tasks.files import LocalFileStore
from tasks.keys import owner_key, record_key
from tasks.record import Callback, RecordDamaged, TaskRecord
from tasks.store import TaskStore
from tasks.workforce import Workforce
from tests.unit.tasks.made_tasks import RETENTION, SHA256, claimed, done, submitted, traces, with_files

KEYS = Keys(1, {1: bytes(32)})
FULL = {
    "owner": b"an owner",
    "idempotency": b"a digest",
    "callback": Callback("http://x.example", ("192.0.2.1",), "http://here"),
}


@pytest.fixture
def files(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path)


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def made(store: TaskStore, state: str) -> TaskRecord:
    """A task with everything that a task can have."""
    record = await submitted(store, **FULL)
    if state == "pending":
        return record
    running = await claimed(store, record)
    if state == "running":
        return running
    if state == "given back":
        assert await store.requeue(running)
        return running.released(crashed=False)
    if state == "done":
        return await done(store, running)
    ended = running.refused(TaskState(state), {"type": "task.validation-error"})
    assert await store.finish(running, ended, retention=RETENTION)
    return ended


@pytest.mark.parametrize("state", ["pending", "running", "given back", "done", "rejected", "failed"])
async def test_nothing_is_left(
    store: TaskStore, workforce: Workforce, files: LocalFileStore, tmp_path: Path, state: str
) -> None:
    """Record, queue, key, callback, media and result are gone, the counters are at zero, and there is nothing to
    erase any more."""
    record = await made(store, state)
    await with_files(files, record, attempts=record.attempt)
    assert await erase(store, files, record.task_id)
    assert await traces(store, record.task_id) == []
    assert left(tmp_path) == []
    depth = await workforce.depth()
    assert (depth.waiting, depth.running, depth.input_bytes) == (0, 0, 0)
    assert await workforce.recover(retention=RETENTION) == 0
    assert not await erase(store, files, record.task_id)


async def test_results_of_earlier_attempts_go_as_well(store: TaskStore, files: LocalFileStore, tmp_path: Path) -> None:
    """A worker may have died after it had written."""
    first = await claimed(store)
    assert await store.requeue(first, crashed=True)
    second = await claimed(store, first.released(crashed=True))
    await with_files(files, second, attempts=2)
    assert await erase(store, files, second.task_id)
    assert left(tmp_path) == []


async def test_others_are_left_alone(
    store: TaskStore, workforce: Workforce, files: LocalFileStore, tmp_path: Path
) -> None:
    """Their records, their files and the room that they take stay."""
    kept, erased = [await submitted(store, idempotency=key) for key in (b"kept", b"erased")]
    for record in (kept, erased):
        await with_files(files, record)
    assert await erase(store, files, erased.task_id)
    assert await store.fetch(kept.task_id) == kept
    assert [path.name for path in left(tmp_path)] == [kept.task_id]
    assert (await workforce.depth()).input_bytes == kept.input_bytes
    assert await store.remembers(b"kept")


async def test_only_the_technology_that_was_named(store: TaskStore, files: LocalFileStore) -> None:
    """Under another name there is no such task, under none or its own there is."""
    one, other = await submitted(store), await submitted(store)
    assert not await erase(store, files, one.task_id, "another-technology")
    assert await store.fetch(one.task_id) == one
    assert await erase(store, files, one.task_id, one.technology)
    assert await erase(store, files, other.task_id)


async def test_what_never_was_is_not_erased(store: TaskStore, files: LocalFileStore) -> None:
    """It is an answer, not an error."""
    assert not await erase(store, files, "unknown")


@pytest.mark.parametrize("damaged", [b"damaged", b""], ids=["changed", "empty"])
@pytest.mark.parametrize("state", ["pending", "running", "done"])
async def test_a_damaged_task_is_erased(
    store: TaskStore, files: LocalFileStore, tmp_path: Path, state: str, damaged: bytes
) -> None:
    """Though nobody can read what it was."""
    record = await made(store, state)
    await with_files(files, record, attempts=record.attempt)
    await store.redis.set(record_key(record.task_id), damaged)
    assert await erase(store, files, record.task_id, "a-technology")
    assert await store.fetch(record.task_id) is None
    assert left(tmp_path) == []
    again = replace(record, task_id="another")
    assert await store.submit(again, max_open=10, max_input_bytes=1000) == "another"


@pytest.mark.parametrize("damaged", [b"damaged", b""], ids=["changed", "empty"])
async def test_a_damaged_record_of_an_ended_task_is_read_as_failed(store: TaskStore, damaged: bytes) -> None:
    """Every time, and one that was erased stays erased."""
    ended, erased = await done(store), await done(store)
    await store.redis.set(record_key(ended.task_id), damaged)
    assert await store.erase(erased)
    for _ in range(2):
        found = await store.read(ended.task_id, retention=RETENTION)
        assert found is not None
        assert found.state is TaskState.FAILED
    await store.fail_damaged(erased.task_id, RecordDamaged("damaged"), retention=RETENTION)
    assert await store.fetch(erased.task_id) is None


@pytest.mark.parametrize("keys", [None, KEYS], ids=["no key ring", "a key ring"])
async def test_of_a_damaged_task_every_result_is_erased(redis_url: str, tmp_path: Path, keys: Keys | None) -> None:
    """Its record no longer tells how many attempts there were, and another task keeps its own."""
    async with TaskStore.open(redis_url, keys=keys) as store:
        await store.redis.flushall()
        files = LocalFileStore(tmp_path, keys)
        first = await claimed(store)
        assert await store.requeue(first, crashed=True)
        ended = await done(store, await claimed(store, first.released(crashed=True)))
        other = await done(store)
        await with_files(files, ended, attempts=2)
        files.write_result(other.task_id, 1, b"kept")
        await store.redis.setrange(record_key(ended.task_id), 40, b"\xff\xff")
        assert await erase(store, files, ended.task_id, "a-technology")
        assert [path.name for path in left(tmp_path)] == [f"{other.task_id}.1"]
        assert await traces(store, ended.task_id) == []


async def test_all_tasks_of_an_owner_are_found(store: TaskStore) -> None:
    """Whatever has become of their records; those of others are not."""
    mine = [await submitted(store, owner=b"owner") for _ in range(4)]
    await submitted(store, owner=b"another")
    damaged, empty, of_another_type, _ = (record_key(one.task_id) for one in mine)
    await store.redis.set(damaged, b"damaged")
    await store.redis.set(empty, b"")
    await store.redis.delete(of_another_type)
    await store.redis.rpush(of_another_type, "a list")
    assert await of_owner(store, b"owner") == sorted(one.task_id for one in mine)


async def test_a_damaged_task_is_its_owners(store: TaskStore, files: LocalFileStore) -> None:
    """To others there is none such; with what told its owner lost as well, it is nobody's to erase."""
    record = await submitted(store, owner=b"owner")
    await store.redis.set(record_key(record.task_id), b"damaged")
    failed = await store.read(record.task_id, retention=RETENTION)
    assert failed is not None
    assert (failed.state, failed.owner) == (TaskState.FAILED, b"owner")
    assert may_see(failed, "any", b"owner")
    assert not may_see(failed, "any", b"another")
    assert not await erase(store, files, record.task_id, "any", b"another")
    await store.redis.delete(owner_key(record.task_id))
    await store.redis.set(record_key(record.task_id), b"damaged")
    nobodys = await store.read(record.task_id, retention=RETENTION)
    assert nobodys is not None
    assert may_see(nobodys, "any", b"another")
    assert not await erase(store, files, record.task_id, "any", b"owner")
    assert await erase(store, files, record.task_id)


async def test_a_worker_that_has_it_can_do_nothing_more(
    store: TaskStore, workforce: Workforce, files: LocalFileStore
) -> None:
    """It no longer owns the task, and can neither finish it nor give it back."""
    running = await claimed(store)
    assert await workforce.owned_by("a-worker") == {running.task_id}
    assert await erase(store, files, running.task_id)
    assert await workforce.owned_by("a-worker") == set()
    assert not await store.finish(running, running.done(1, SHA256), retention=RETENTION)
    assert not await store.requeue(running)
    assert not await store.requeue(running, crashed=True)
    assert await traces(store, running.task_id) == []


async def test_an_end_in_the_same_moment_changes_nothing(
    store: TaskStore, workforce: Workforce, files: LocalFileStore, tmp_path: Path, redis_url: str
) -> None:
    """Whether the end or the erasing comes first, nothing is left of any of fifty tasks."""
    running = [await claimed(store) for _ in range(50)]
    for one in running:
        await with_files(files, one, attempts=1)

    async def finish() -> int:
        return sum([await other.finish(one, one.done(8, SHA256), retention=RETENTION) for one in reversed(running)])

    async def take_back() -> list[bool]:
        return [await erase(store, files, one.task_id) for one in running]

    async with TaskStore.open(redis_url) as other:
        ended, erased = await asyncio.gather(finish(), take_back())
    assert 0 < ended < 50, "the two did not meet"
    assert all(erased)
    for one in running:
        assert await traces(store, one.task_id) == []
    assert left(tmp_path) == []
    assert (await workforce.depth()).input_bytes == 0


async def test_two_who_erase_are_one(
    store: TaskStore, workforce: Workforce, files: LocalFileStore, redis_url: str
) -> None:
    """Of two at the same time one erases the task, and its bytes are taken off the count once."""
    kept, erased = await submitted(store), await submitted(store)
    async with TaskStore.open(redis_url) as other:
        answers = await asyncio.gather(*(erase(one, files, erased.task_id) for one in (store, other)))
    assert sorted(answers) == [False, True]
    assert (await workforce.depth()).input_bytes == kept.input_bytes


@pytest.mark.parametrize("state", ["pending", "running", "done"])
async def test_an_erase_whose_answer_was_lost(
    redis_url: str, files: LocalFileStore, tmp_path: Path, state: str
) -> None:
    """The connection sends it once more, finds no task, and it is erased all the same: files too; nobody is told that
    there never was one."""

    class Repeated(TaskStore):
        async def run(self, script: str, keys: Sequence[str | bytes], arguments: list[Any]) -> Any:
            await super().run(script, keys, arguments)
            return await super().run(script, keys, arguments)

    async with Repeated.open(redis_url) as store:
        record = await made(store, state)
        await with_files(files, record, attempts=record.attempt)
        assert await erase(store, files, record.task_id, record.technology)
        assert left(tmp_path) == []
        assert await traces(store, record.task_id) == []
        assert not await erase(store, files, record.task_id, record.technology)


async def test_a_repeated_erase_takes_nothing_from_others(store: TaskStore, workforce: Workforce) -> None:
    """Between the two calls its idempotency key has made another task, which keeps it, and the room that it takes."""
    record = await submitted(store, idempotency=b"a digest")
    assert await store.erase(record)
    later = await submitted(store, idempotency=b"a digest")
    assert await store.erase(record)
    assert await store.remembers(b"a digest")
    assert await store.fetch(later.task_id) == later
    assert (await workforce.depth()).input_bytes == later.input_bytes
