"""Clients over REST: they submit, note what was acknowledged, wait for its end, and look again later."""

import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.faults.history import History
from tests.faults.requests import Request, Requests, digest, keys, undated_poll

OPEN = {"pending", "running"}
# What a client lives through: no connection, one that breaks, an answer that does not come or is cut short.
BROKEN = (aiohttp.ClientError, TimeoutError, OSError)
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_PAUSE_SECONDS = 0.05
_MOST_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Task:
    """One that was acknowledged."""

    task_id: str
    request: Request

    @property
    def path(self) -> str:
        return f"{self.request.path}/{self.task_id}"


@dataclass
class Clients:
    """`many` clients of the appliance at `url`, each with some tasks at a time.

    They draw from `requests` and tell `history` of everything. `enough` is asked before each submits more.
    """

    url: str
    requests: Requests
    history: History
    random: Random
    enough: Callable[[], bool]
    many: int = 12
    tasks: dict[str, Task] = field(default_factory=dict)
    # How each ended, as it was first told.
    ended: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keys: Iterator[str] = keys(self.random)

    async def run(self) -> None:
        """Until it is enough and every task that was acknowledged here has ended or cannot be heard of."""
        async with self._session() as session, asyncio.TaskGroup() as group:
            looking = group.create_task(self._look_again(session))
            clients = [group.create_task(self._client(session)) for _ in range(self.many)]
            await asyncio.wait(clients)
            looking.cancel()

    async def settle(self, patience: float) -> None:
        """Asks for every task once more, for up to `patience` seconds those that have not ended yet."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        waiting = asyncio.Semaphore(self.many)

        async def one(task: Task) -> None:
            async with waiting:
                while not await self._looked(session, task, settling=True) and loop.time() < deadline:
                    await asyncio.sleep(_PAUSE_SECONDS)

        async with self._session() as session:
            await asyncio.gather(*map(one, self.tasks.values()))

    async def submit_all(self, requests: Iterable[Request]) -> list[Task]:
        """Each request once, outside of the crowd; those tasks that were acknowledged."""
        async with self._session() as session:
            made = [await self._submitted(session, request, "") for request in requests]
        return [task for task in made if task]

    def waiting(self, requests: Collection[Request]) -> list[str]:
        """The tasks, by their ids, that made one of `requests` and of whose end nobody has heard yet."""
        tasks = (task for task_id, task in self.tasks.items() if task_id not in self.ended)
        return [task.task_id for task in tasks if task.request in requests]

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.url, timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=0))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while not self.enough():
            mine = []
            for _ in range(self.random.randint(1, _MOST_AT_ONCE)):
                key = next(self._keys) if self.random.random() < 0.3 else ""
                request = self.requests.draw(self.random)
                task = await self._submitted(session, request, key)
                # Who has a key asks until there is an answer, and now and then once more than needed.
                while key and (task is None or self.random.random() < 0.2) and not self.enough():
                    await asyncio.sleep(_PAUSE_SECONDS)
                    task = await self._submitted(session, request, key) or task
                if task:
                    mine.append(task)
            for task in mine:
                await self._until_ended(session, task)

    async def _submitted(self, session: aiohttp.ClientSession, request: Request, key: str) -> Task | None:
        asked = self.history.now()
        headers = {"Content-Type": request.content_type} | ({"Idempotency-Key": key} if key else {})
        try:
            async with session.post(request.path, data=request.body, headers=headers) as answer:
                status, body = answer.status, await answer.read()
        except BROKEN as error:
            self.history.note("unanswered", request=request.name, key=key, why=type(error).__name__)
            return None
        if status != 202:
            self.history.note("refused", request=request.name, key=key, status=status, why=_why(body))
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        task = Task(json.loads(body)["task"]["task_id"], request)
        known = task.task_id in self.tasks
        self.tasks[task.task_id] = task
        self.history.note("acknowledged", task=task.task_id, request=request.name, key=key, asked=asked, again=known)
        return task

    async def _until_ended(self, session: aiohttp.ClientSession, task: Task) -> None:
        """As long as somebody submits: after that, it is asked for in `settle`."""
        while not await self._looked(session, task, wait=self.random.choice((0, 5, 5))) and not self.enough():
            await asyncio.sleep(self.random.uniform(0.02, 0.2))

    async def _look_again(self, session: aiohttp.ClientSession) -> None:
        """At tasks that have ended, which nothing changes any more."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            if self.ended:
                await self._looked(session, self.tasks[self.random.choice(list(self.ended))])

    async def _looked(
        self, session: aiohttp.ClientSession, task: Task, *, wait: int = 0, settling: bool = False
    ) -> bool:
        """Whether the task has ended, by its poll. What was told before is only noted again when `settling`."""
        try:
            async with session.get(task.path, params={"wait": wait} if wait else None) as answer:
                status, body = answer.status, await answer.read()
        except BROKEN:
            return False
        if status != 200:
            # A 503 says that nobody knows just now. Anything else is no answer to one who has a 202.
            if status != 503:
                self.history.note("denied", task=task.task_id, status=status, why=_why(body))
            return False
        poll = json.loads(body)
        state = poll["task"]["state"]
        if state in OPEN:
            return False
        end = digest(undated_poll(task.task_id, body))
        if self.ended.get(task.task_id) == end and not settling:
            return True
        self.ended[task.task_id] = end
        self.history.note(
            "ended",
            task=task.task_id,
            told=poll["task"]["task_id"],
            state=state,
            why=poll["error"]["message"] if "error" in poll else "",
            digest=end,
        )
        return True


def _why(body: bytes) -> str:
    """The message of an error body, or how it begins."""
    try:
        found: Any = json.loads(body)
        return str(found.get("message") or found.get("error", {}).get("message") or found)[:200]
    except (ValueError, AttributeError):
        return repr(body[:100])
