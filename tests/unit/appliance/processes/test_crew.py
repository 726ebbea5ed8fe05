"""Workers and their spare, with real processes that only wait."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from appliance.processes import child
from appliance.processes.child import Child, Launch
from appliance.processes.crew import Crew
from tests.patience import eventually

# Notes that it works, at once or when it is promoted; goes when nobody can promote it any more.
PROCESS = """
import pathlib, sys, time
from appliance.processes import promotion
folder, name, pipe = sys.argv[1:]
if pipe:
    (pathlib.Path(folder) / f"{name}.waits").touch()
    promotion.wait(int(pipe))
(pathlib.Path(folder) / f"{name}.works").touch()
time.sleep(600)
"""


class Company:
    """A crew of two, and what its processes have noted."""

    def __init__(self, folder: Path, *, spare: bool = True) -> None:
        self.folder, self.launched, self.deaths = folder, list[str](), list[str]()
        self.ready = asyncio.Event()
        self.crew = Crew(2, self._launch, self._died, spare=spare)

    def _launch(self, name: str, pipe: int | None) -> Launch:
        self.launched.append(name)
        words = [sys.executable, "-c", PROCESS, str(self.folder), name, "" if pipe is None else str(pipe)]
        return Launch(name, words, pass_fds=() if pipe is None else (pipe,))

    async def _died(self, dead: Child) -> None:
        self.deaths.append(dead.name)

    def noted(self, what: str) -> set[str]:
        """The names of those living members that have noted `what`."""
        living = {member.name for member in self.crew.members if member.exit_code is None}
        return {path.stem for path in self.folder.glob(f"*.{what}")} & living

    def working(self) -> list[Child]:
        return [member for member in self.crew.members if member.name in self.noted("works")]

    def spare(self) -> list[Child]:
        """The one that waits, or nobody."""
        waits = self.noted("waits") - self.noted("works")
        return [member for member in self.crew.members if member.name in waits]

    async def complete(self, launched: int) -> None:
        """Returns when two work and one waits, after so many starts."""
        await eventually(lambda: (len(self.launched), len(self.working()), len(self.spare())) == (launched, 2, 1))


@asynccontextmanager
async def kept(company: Company) -> AsyncIterator[None]:
    await company.crew.start()
    keeping = [asyncio.create_task(duty) for duty in company.crew.duties(company.ready)]
    try:
        yield
    finally:
        for task in keeping:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for member in company.crew.members:
            member.kill()
            await member.wait()


@pytest.fixture
async def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Company]:
    """A crew that is complete."""
    monkeypatch.setattr(child, "FIRST_DELAY", 0.05)
    made = Company(tmp_path)
    async with kept(made):
        made.ready.set()
        await made.complete(3)
        yield made


Victims = Callable[[Company], list[Child]]


@pytest.mark.parametrize(
    ("victims", "promoted"),
    [
        (lambda company: company.working()[:1], True),
        (lambda company: company.working(), True),
        (lambda company: company.spare(), False),
        (lambda company: [company.working()[0], *company.spare()], False),
        (lambda company: [*company.spare(), company.working()[0]], False),
        (lambda company: company.crew.members, False),
    ],
    ids=["a worker", "all workers", "the spare", "a worker and the spare", "the spare and a worker", "everybody"],
)
async def test_whoever_is_killed_is_replaced(company: Company, victims: Victims, promoted: bool) -> None:
    """The spare takes the place of a worker, unless it is killed as well; then everything is as before, with new
    names."""
    spare, killed = company.spare()[0].name, list(victims(company))
    workers = {member.name for member in company.working()} & {member.name for member in killed}
    for member in killed:
        member.kill()
    await company.complete(3 + len(killed))
    assert (spare in company.noted("works")) is promoted
    assert len(set(company.launched)) == len(company.launched)
    # Of a spare that is killed before its worker's death is noticed, it depends on the moment whether it has worked.
    assert workers <= set(company.deaths) <= workers | {spare}


async def test_the_spare_is_not_there_before_it_is_ready(tmp_path: Path) -> None:
    """Until the appliance is ready only workers are started, also in the place of one that dies."""
    company = Company(tmp_path)
    async with kept(company):
        await eventually(lambda: len(company.working()) >= 2)
        company.working()[0].kill()
        await eventually(lambda: len(company.launched) >= 3 and len(company.working()) >= 2)
        assert company.noted("waits") == set()
        company.ready.set()
        await company.complete(4)


async def test_without_a_spare_whoever_is_killed_is_replaced(tmp_path: Path) -> None:
    """Another worker is started in its place, and none waits for that to happen."""
    company = Company(tmp_path, spare=False)
    async with kept(company):
        company.ready.set()
        await eventually(lambda: len(company.working()) >= 2)
        company.working()[0].kill()
        await eventually(lambda: len(company.launched) >= 3 and len(company.working()) >= 2)
        assert company.noted("waits") == set()


async def test_a_spare_goes_when_its_supervisor_does(tmp_path: Path) -> None:
    """The end of the pipe is no promotion: the process ends, with exit code 0, and has not worked."""
    reading, writing = os.pipe()
    words = ["-c", PROCESS, str(tmp_path), "it", str(reading)]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, pass_fds=(reading,))
    os.close(reading)
    os.close(writing)
    assert await process.wait() == 0
    assert os.listdir(tmp_path) == ["it.waits"]  # noqa: PTH208  # names are all that is compared


async def test_a_spare_that_is_told_to_go_goes(company: Company) -> None:
    """It holds nothing that had to be finished or given back."""
    (spare,) = company.spare()
    spare.send(signal.SIGTERM)
    await company.complete(4)
    assert company.deaths == []
