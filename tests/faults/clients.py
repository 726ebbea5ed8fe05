"""Clients over REST: they submit, note what is acknowledged, wait for its end, look again, take some back."""

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
# How many of the tasks without an idempotency key are taken back, and are asked for by somebody else.
_TAKEN_BACK, _SNOOPED = 0.06, 0.05


@dataclass(frozen=True, slots=True)
class Task:
    """One that was acknowledged to `owner`, an API key or nobody in particular."""

    task_id: str
    request: Request
    owner: str = ""

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
    # Those that were told to go, and those of them of which it was said that they are gone.
    going: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    # Seconds that the appliance took for a submission of late.
    _pace: float = _PAUSE_SECONDS

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
            made = [await self._submitted(session, request, self._somebody(), "") for request in requests]
        return [task for task in made if task]

    async def again(self, request: Request, owner: str, key: str) -> Task | None:
        """The task of a request whose answer was lost: it is sent until one comes, unless it is enough before."""
        async with self._session() as session:
            return await self._insisted(session, request, owner, key)

    def waiting(self, requests: Collection[Request]) -> list[str]:
        """The tasks, by their ids, that made one of `requests` and of whose end nobody has heard yet."""
        over = self.ended.keys() | self.going
        return [task_id for task_id, task in self.tasks.items() if task_id not in over and task.request in requests]

    def _session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(self.url, timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=0))
        # It would send a DELETE once more by itself, and find gone what the first one erased.
        session._retry_connection = False
        return session

    def _somebody(self) -> str:
        return self.random.choice(self.requests.configuration.owners)

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while not self.enough():
            mine = []
            for _ in range(self.random.randint(1, _MOST_AT_ONCE)):
                key = next(self._keys) if self.random.random() < 0.3 else ""
                request, owner = self.requests.draw(self.random), self._somebody()
                task = await self._submitted(session, request, owner, key)
                # Who has a key asks until there is an answer, and now and then once more than needed.
                if key and (task is None or self.random.random() < 0.2):
                    task = await self._insisted(session, request, owner, key) or task
                if task:
                    mine.append((task, key))
            for task, key in mine:
                await self._cared_for(session, task, key)

    async def _insisted(self, session: aiohttp.ClientSession, request: Request, owner: str, key: str) -> Task | None:
        while not self.enough():
            await asyncio.sleep(_PAUSE_SECONDS)
            if task := await self._submitted(session, request, owner, key):
                return task
        return None

    async def _submitted(self, session: aiohttp.ClientSession, request: Request, owner: str, key: str) -> Task | None:
        asked = self.history.now()
        headers = headers_of(owner, {"Content-Type": request.content_type} | ({"Idempotency-Key": key} if key else {}))
        try:
            async with session.post(request.path, data=request.body, headers=headers) as answer:
                status, body = answer.status, await answer.read()
        except BROKEN as error:
            self.history.note("unanswered", request=request.name, key=key, why=type(error).__name__)
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        if status != 202:
            self.history.note("refused", request=request.name, key=key, status=status, why=_why(body))
            await asyncio.sleep(_PAUSE_SECONDS)
            return None
        self._pace = self.history.now() - asked
        task = Task(json.loads(body)["task"]["task_id"], request, owner)
        known = task.task_id in self.tasks
        self.tasks[task.task_id] = task
        self.history.note("acknowledged", task=task.task_id, request=request.name, key=key, asked=asked, again=known)
        return task

    async def _cared_for(self, session: aiohttp.ClientSession, task: Task, key: str) -> None:
        """Waits for its end. It may be taken back before or after that, unless it has a key, which is remembered no
        longer than its task: a request that is still on its way would then make another, and rightly so."""
        taken_back = not key and self.random.random() < _TAKEN_BACK
        if not (taken_back and self.random.random() < 0.5):
            await self._until_ended(session, task)
        if self.random.random() < _SNOOPED:
            await self._snooped(session, task)
        if taken_back:
            await self._taken_back(session, task)

    async def _until_ended(self, session: aiohttp.ClientSession, task: Task) -> None:
        """As long as somebody submits: after that, it is asked for in `settle`."""
        while not await self._looked(session, task, wait=self.random.choice((0, 5, 5))) and not self.enough():
            # A machine that has time is asked more often.
            await asyncio.sleep(self.random.uniform(0.02, 0.02 + min(4 * self._pace, 0.2)))

    async def _snooped(self, session: aiohttp.ClientSession, task: Task) -> None:
        """Somebody else asks for the task, to whom it does not exist."""
        for other in self.requests.configuration.others(task.owner):
            try:
                async with session.get(task.path, headers=headers_of(other)) as answer:
                    status, body = answer.status, await answer.read()
            except BROKEN:
                continue
            self.history.note("snooped", task=task.task_id, status=status, why=_why(body))

    async def _taken_back(self, session: aiohttp.ClientSession, task: Task) -> None:
        """Erases it, or tries: what was answered with a 503, or with nothing, may be there or not."""
        unsure = False
        self.going.add(task.task_id)
        self.history.note("erasing", task=task.task_id)
        while not self.enough():
            try:
                async with session.delete(task.path, headers=headers_of(task.owner)) as answer:
                    status, body = answer.status, await answer.read()
            except BROKEN:
                status, body = 503, b""
            if status == 204 or (status == 404 and unsure):
                self.gone.add(task.task_id)
                self.history.note("erased", task=task.task_id)
            elif status == 503:
                unsure = True
                # Some leave it at that.
                if self.random.random() < 0.7:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
            else:
                self.history.note("kept", task=task.task_id, status=status, why=_why(body))
            return

    async def _look_again(self, session: aiohttp.ClientSession) -> None:
        """At tasks that have ended, which nothing changes any more, or were erased, which nothing brings back."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            if known := [*self.ended, *self.gone]:
                await self._looked(session, self.tasks[self.random.choice(known)])

    async def _looked(
        self, session: aiohttp.ClientSession, task: Task, *, wait: int = 0, settling: bool = False
    ) -> bool:
        """Whether the task has ended or is gone, by its poll. What was told before is only noted again when
        `settling`."""
        asked = self.history.now()
        try:
            params = {"wait": wait} if wait else None
            async with session.get(task.path, params=params, headers=headers_of(task.owner)) as answer:
                status, body = answer.status, await answer.read()
        except BROKEN:
            return False
        if status != 200:
            going = status == 404 and task.task_id in self.going
            # A 503 says that nobody knows just now. Anything else is no answer to one who has a 202.
            if status != 503 and (settling or not going):
                self.history.note("denied", task=task.task_id, status=status, why=_why(body))
            return going
        poll = json.loads(body)
        state = poll["task"]["state"]
        if state in OPEN:
            if task.task_id in self.going:
                self.history.note("open", task=task.task_id, asked=asked)
            return False
        end = digest(undated_poll(task.task_id, body, self.requests.configuration.signatures))
        if self.ended.get(task.task_id) == end and not (settling or task.task_id in self.going):
            return True
        self.ended[task.task_id] = end
        self.history.note(
            "ended",
            task=task.task_id,
            told=poll["task"]["task_id"],
            asked=asked,
            state=state,
            why=poll["error"]["message"] if "error" in poll else "",
            digest=end,
        )
        return True


def headers_of(owner: str, more: dict[str, str] | None = None) -> dict[str, str]:
    """What a caller sends with every request, and `more`."""
    return ({"X-API-Key": owner} if owner else {}) | (more or {})


def _why(body: bytes) -> str:
    """The message of an error body, or how it begins."""
    try:
        found: Any = json.loads(body)
        return str(found.get("message") or found.get("error", {}).get("message") or found)[:200]
    except (ValueError, AttributeError):
        return repr(body[:100])
