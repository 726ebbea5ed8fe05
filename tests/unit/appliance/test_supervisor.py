"""A supervised process, with real ones; the whole appliance is in tests/integration/test_up.py."""

import asyncio
import itertools
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from appliance.processes import child
from appliance.processes.child import Child, Launch, ending
from schemas.errors import ConfigurationError
from tests.patience import eventually


def python(code: str, *, quiet: bool = False) -> Callable[[], Launch]:
    """Launches of `code`, each with a new name."""
    numbers = itertools.count(1)
    return lambda: Launch(f"number {next(numbers)}", [sys.executable, "-c", code], quiet=quiet)


async def ignored(_: Child) -> None:
    return


@asynccontextmanager
async def kept(started: Child) -> AsyncIterator[None]:
    await started.start()
    keeping = asyncio.create_task(started.keep())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        started.kill()
        await started.wait()


async def test_what_dies_is_started_again_under_a_new_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each death is told with the name of the one that died, and waits twice as long as the one before."""
    monkeypatch.setattr(child, "FIRST_DELAY", 0.1)
    deaths: list[str] = []

    async def died(dead: Child) -> None:
        deaths.append(dead.name)

    async with kept(Child("test", python("raise SystemExit(1)"), died)):
        await eventually(lambda: len(deaths) >= 4)
    assert deaths[:4] == ["number 1", "number 2", "number 3", "number 4"]
    waits = re.findall(r"started again in (\S+) s", caplog.text)
    assert waits[:3] == ["0.1", "0.2", "0.4"]


async def test_what_is_given_up_is_not_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is told of a death may give up on the process; nothing then promises another start."""

    async def gives_up(_: Child) -> None:
        raise ConfigurationError("it cannot start")

    hopeless = Child("test", python("raise SystemExit(2)"), gives_up)
    await hopeless.start()
    with pytest.raises(ConfigurationError):
        await hopeless.keep()
    assert "started again" not in caplog.text


async def test_a_process_that_ran_long_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long run the delay starts from the beginning."""
    monkeypatch.setattr(child, "SETTLED", 0.0)
    monkeypatch.setattr(child, "FIRST_DELAY", 0.01)
    deaths: list[str] = []

    async def died(dead: Child) -> None:
        deaths.append(dead.name)

    async with kept(Child("test", python("pass"), died)):
        # Doubling from 0.01 s, the twelfth death would be 20 s away.
        await eventually(lambda: len(deaths) >= 12)


async def test_a_program_that_cannot_be_started_is_tried_again(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A failing start is logged and retried like a death; the supervisor lives."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    async with kept(Child("test", lambda: Launch("it", [str(program)]), ignored)):
        program.rename(tmp_path / "away")
        await eventually(lambda: "could not be started" in caplog.text)


async def test_quiet_output_is_kept() -> None:
    """The last lines of a quiet process can be read once it has ended."""
    quiet = Child("test", python("for n in range(100): print(n)", quiet=True), ignored)
    await quiet.start()
    assert await quiet.wait() == 0
    assert list(quiet.lines)[-2:] == ["98", "99"]


async def test_output_does_not_reach_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Children print to standard error: standard output belongs to the ready line."""
    loud = Child("test", python("print('hello')"), ignored)
    await loud.start()
    await loud.wait()
    assert capfd.readouterr() == ("", "hello\n")


async def test_what_a_process_started_ends_with_it() -> None:
    """Grandchildren in the process's session are killed when it ends."""
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    parent = Child("test", python(code, quiet=True), ignored)
    await parent.start()
    await parent.wait()
    grandchild = Path("/proc") / parent.lines[0]
    # It is nobody's child now, and stays listed as a zombie until init looks.
    await eventually(lambda: not grandchild.exists() or ") Z " in (grandchild / "stat").read_text())


def test_endings_are_named() -> None:
    """Exit codes and signals are told in words."""
    assert ending(3) == "ended with exit code 3"
    assert ending(-signal.SIGKILL) == "was killed by SIGKILL"
