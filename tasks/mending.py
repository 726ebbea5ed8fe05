"""Keys that somebody else wrote over: without this, everybody who reads one would fail, again and again."""

import logging

from tasks.dispatch import QUEUE, WAKE
from tasks.keys import (
    CALLBACKS,
    CAPABILITIES,
    INPUT_BYTES,
    LISTED,
    OPEN,
    REPORTS,
    RUNNING,
    SEQUENCE,
    THROUGHPUT,
    TOTALS,
    WORKERS,
)
from tasks.store import TaskStore

log = logging.getLogger(__name__)

# The keys that there is one of, and what Redis calls the type of each.
KINDS = {
    OPEN: "zset",
    RUNNING: "hash",
    WORKERS: "zset",
    CAPABILITIES: "hash",
    REPORTS: "hash",
    CALLBACKS: "zset",
    LISTED: "zset",
    TOTALS: "hash",
    THROUGHPUT: "hash",
    QUEUE: "zset",
    WAKE: "list",
    INPUT_BYTES: "integer",
    SEQUENCE: "integer",
}


async def mend(store: TaskStore) -> list[str]:
    """Deletes those of our keys that do not hold what they should; returns their names.

    What stood in them is in the tasks' records as well. Raises Unreachable.
    """
    deleted: list[bytes] = await store.run("mend", list(KINDS), list(KINDS.values()))
    names = [name.decode() for name in deleted]
    if names:
        log.warning("Redis held what is not ours under %s; it was deleted", ", ".join(names))
    return names
