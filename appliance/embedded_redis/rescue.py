"""After the salvage of an append-only file: what Redis holds of known tasks, and tasks that were lost with it."""

import logging
from contextlib import suppress

from redis.exceptions import RedisError

from tasks.files import FileStore
from tasks.reconciler import Reconciler
from tasks.store import TaskStore

log = logging.getLogger(__name__)


async def rescue(store: TaskStore, files: FileStore, *, retention: float) -> None:
    """Ends every task of which only the upload is left as failed: its client was promised an end, and would be told
    that there never was such a task. Then makes Redis agree with the records.

    Raises Overloaded while Redis cannot be reached.
    """
    # Before the round, which forgets whose a task is that has no record.
    task_ids = list(files.inputs())
    known = await store.records(task_ids)
    lost = [task_id for task_id in task_ids if task_id not in known]
    for task_id in lost:
        await store.fail_forgotten(task_id, retention=retention)
    if lost:
        log.error("%d tasks were lost with the damaged append-only file; they have ended as failed", len(lost))
    await Reconciler(store, retention=retention).round()


async def rewrite(store: TaskStore) -> None:
    """Has the append-only file written anew, as this version writes it; if not now, then at the next start."""
    with suppress(RedisError):
        await store.redis.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
