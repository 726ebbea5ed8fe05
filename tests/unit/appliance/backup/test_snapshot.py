"""What a backup finds in Redis and in the store."""

from pathlib import Path

import pytest

from appliance.backup.snapshot import Snapshot
from tasks.files import LocalFileStore
from tasks.keys import record_key
from tasks.store import TaskStore
from tests.unit.tasks.made_tasks import done, submitted


@pytest.mark.parametrize("damaged", [bytes(4) + b"damaged", b""], ids=["changed", "empty"])
async def test_a_damaged_record_of_an_ended_task_is_not_open(redis_url: str, tmp_path: Path, damaged: bytes) -> None:
    """Though whoever damaged it took its time to live as well; one of an open task is."""
    async with TaskStore.open(redis_url) as store:
        await store.redis.flushall()
        ended, waits = await done(store), await submitted(store)
        for record in (ended, waits):
            await store.redis.set(record_key(record.task_id), damaged)
        snapshot = Snapshot(store.redis, LocalFileStore(tmp_path), None)
        found = [task async for batch in snapshot.batches(await snapshot.task_ids()) for task, _, _ in batch]
    assert {task.task_id: task.retention_ms is None for task in found} == {ended.task_id: False, waits.task_id: True}
    assert snapshot.unreadable == 1
