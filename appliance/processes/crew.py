"""The workers on one device, and a spare that has everything open and waits to take the place of one that dies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from appliance.processes.child import Child, Launch
from appliance.processes.promotion import Promotion
from tasks.store import new_worker_name

log = logging.getLogger(__name__)


class Crew:
    """`size` workers and, with a `spare`, one place more: whoever comes when enough work waits until one of them dies.

    `launch` is given a name and, for one that shall wait, the descriptor of its promotion. `died` is told of each
    worker that ended, and not of a spare, which has no tasks. A spare that dies is replaced like a worker, and as late
    as one: what dies again and again does so at the same bounded pace, whatever it was.
    """

    def __init__(
        self,
        size: int,
        launch: Callable[[str, int | None], Launch],
        died: Callable[[Child], Awaitable[None]],
        *,
        spare: bool = True,
    ) -> None:
        self._size, self._launch, self._died = size, launch, died
        self._working: set[int] = set()
        self._waiting: dict[int, Promotion] = {}
        self.members = [
            Child("worker", partial(self._launched, place), partial(self._ended, place))
            for place in range(size + spare)
        ]

    async def start(self) -> None:
        """Starts the workers, and not the spare. Raises OSError when the system cannot start one."""
        for worker in self.members[: self._size]:
            await worker.start()

    def duties(self, ready: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        """What keeps all members alive until cancelled; the spare is first started when the appliance is `ready`, so
        that nobody waits longer for that. They raise what `died` raises."""
        workers, spare = self.members[: self._size], self.members[self._size :]
        return [*(worker.keep() for worker in workers), *(_keep_from(ready, one) for one in spare)]

    def _launched(self, place: int) -> Launch:
        # Anew each time: the tasks of a dead worker must not look like its successor's.
        name, child = new_worker_name(), self.members[place]
        if len(self._working) < self._size:
            self._working.add(place)
            child.role = "worker"
            return self._launch(name, None)
        promotion = self._waiting[place] = Promotion()
        child.role = "spare worker"
        return self._launch(name, promotion.reading)

    async def _ended(self, place: int, child: Child) -> None:
        promotion = self._waiting.pop(place, None)
        if promotion:
            promotion.close()
        if place in self._working:
            self._working.discard(place)
            self._promote()
            await self._died(child)

    def _promote(self) -> None:
        for place, promotion in self._waiting.items():
            if place not in self._working:
                promotion.give()
                self._working.add(place)
                self.members[place].role = "worker"
                log.info("the spare worker %s takes the place of one that died", self.members[place].name)
                return


async def _keep_from(ready: asyncio.Event, child: Child) -> None:
    await ready.wait()
    await child.try_to_start()
    await child.keep()
