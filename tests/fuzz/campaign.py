"""Sending many files at a time, each until its task has ended, and judging what came of it."""

import asyncio
import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import aiohttp

from tests.conftest import EXTRACTION
from tests.fuzz.files import Made, intact

# Most tasks end within milliseconds. One that takes longer than this has no end.
_END_SECONDS = 180.0
_POLL_SECONDS = 30
_REFUSED = range(400, 500)
_ENDS = ("done", "rejected")


@dataclass(frozen=True, slots=True)
class Fault:
    """A file with which the appliance did what it must not."""

    made: Made
    words: str


@dataclass
class Tally:
    """What became of the files: `outcomes` counts them by their end, `slowest` is the longest wait in seconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)

    @property
    def files(self) -> int:
        return self.outcomes.total()


class _Wrong(Exception):
    """The appliance did what it must not: what, in a word, and in words."""

    def __init__(self, outcome: str, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


async def run(
    url: str, files: Iterable[Made], *, concurrency: int, told: Callable[[Tally], None] = lambda _: None
) -> Tally:
    """Sends all `files` to the appliance at `url`, `concurrency` at a time; `told` is called after each."""
    tally, waiting = Tally(), iter(files)
    timeout, connector = aiohttp.ClientTimeout(total=_END_SECONDS), aiohttp.TCPConnector(limit=concurrency)
    session = aiohttp.ClientSession(url, timeout=timeout, connector=connector)
    async with session, asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(_send_all(session, waiting, tally, told))
    return tally


async def _send_all(
    session: aiohttp.ClientSession, waiting: Iterator[Made], tally: Tally, told: Callable[[Tally], None]
) -> None:
    for made in waiting:
        began = time.monotonic()
        try:
            outcome = await _end(session, made)
            if intact(made.number) and outcome != "done":
                raise _Wrong(outcome, "a valid recording was not taken")
        except (_Wrong, aiohttp.ClientError, TimeoutError) as error:
            outcome = error.outcome if isinstance(error, _Wrong) else "no answer"
            tally.faults.append(Fault(made, str(error) or type(error).__name__))
        tally.outcomes[outcome] += 1
        tally.slowest = max(tally.slowest, (time.monotonic() - began, made.number))
        told(tally)


async def _end(session: aiohttp.ClientSession, made: Made) -> str:
    """How the file ended: refused, done or rejected. Raises _Wrong for anything else."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(made.content), filename="recording")
    async with session.post(EXTRACTION, data=form) as answer:
        if answer.status in _REFUSED:
            return "refused"
        if answer.status != 202:
            raise _Wrong(str(answer.status), f"the upload was answered with {answer.status}: {await answer.text()}")
        location = answer.headers["Location"]
    end = time.monotonic() + _END_SECONDS
    while time.monotonic() < end:
        async with session.get(location, params={"wait": _POLL_SECONDS}) as answer:
            if answer.status != 200:
                raise _Wrong(str(answer.status), f"the poll was answered with {answer.status}: {await answer.text()}")
            body = await answer.json()
        state: str = body["task"]["state"]
        if state in _ENDS:
            return state
        if state == "failed":
            raise _Wrong(state, f"the task failed: {body['error']['message']}")
    raise _Wrong("endless", f"the task has not ended within {_END_SECONDS:g} s")
