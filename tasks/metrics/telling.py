"""How one process adds what it has counted to the totals in Redis, and how these are read.

voiceprint:totals          a hash: metric, labels and bucket, with `|` between them, to the total
voiceprint:told:<process>  the number of the last portion that the process has told, for a while
voiceprint:throughput      a hash: the last hour by the minute (`throughput.py`)
"""

import asyncio
import math
import secrets
import time
from collections.abc import Mapping

from schemas.errors import Overloaded, StorageFull
from tasks.connection import redis_errors
from tasks.keys import TELLERS, THROUGHPUT, TOTALS
from tasks.metrics.tally import Field, Tally, ended
from tasks.store import TaskStore

# How often a process tells, if it has counted anything; so old may be what a scrape shows.
TELL_SECONDS = 5.0
_BETWEEN = "|"


class Teller:
    """Tells `store` what is counted in `tally`, each portion once: one whose answer was lost is told again under the
    same number, and is then known to have been told."""

    def __init__(self, store: TaskStore, tally: Tally) -> None:
        self._store, self._tally = store, tally
        self._key = TELLERS + secrets.token_hex(8)
        self._number = 0
        self._portion: dict[Field, float] = {}
        self._due = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def when_due(self) -> None:
        """Tells what there is, at most every TELL_SECONDS; while Redis is away it is kept."""
        if time.monotonic() >= self._due:
            await self.now()

    async def now(self) -> bool:
        """Whether all is told that was counted until now."""
        async with self._one_at_a_time:
            if not self._portion:
                self._portion, self._number = self._tally.taken(), self._number + 1
            self._due = time.monotonic() + TELL_SECONDS
            if not self._portion:
                return True
            told: list[str | float] = [self._number, *ended(self._portion)]
            for field, amount in self._portion.items():
                told += [_BETWEEN.join(map(str, field)), amount]
            try:
                await self._store.run("tell", [TOTALS, self._key, THROUGHPUT], told)
            except (Overloaded, StorageFull):
                return False
            self._portion = {}
            return True


async def totals(store: TaskStore) -> Mapping[tuple[str, ...], float]:
    """The total of every metric, labels and bucket. Raises Overloaded."""
    async with redis_errors():
        flat: list[bytes] = await store.lane.call("HGETALL", TOTALS)
    found = {}
    for name, amount in zip(flat[::2], flat[1::2], strict=True):
        try:
            total = float(amount)
        except ValueError:
            continue
        # What is no total was written by somebody else.
        if math.isfinite(total) and total >= 0:
            found[tuple(name.decode(errors="replace").split(_BETWEEN))] = total
    return found
