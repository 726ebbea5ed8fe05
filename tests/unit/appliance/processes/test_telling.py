"""A pipe by which a child tells its supervisor one thing, once."""

import asyncio
import os
import subprocess

from appliance.processes.telling import Telling


async def test_what_a_child_tells_is_heard() -> None:
    """A process that was given the pipe tells by writing to it; until then nothing is heard."""
    telling = Telling()
    assert not await telling.heard(0.05)
    telling_child = await asyncio.create_subprocess_exec(
        "sh", "-c", f"echo > /dev/fd/{telling.writing}", pass_fds=(telling.writing,), stdin=subprocess.DEVNULL
    )
    assert await telling.heard(10)
    await telling_child.wait()


async def test_it_stays_told() -> None:
    """Who asks later hears it as well, and it may be told again."""
    telling = Telling()
    for _ in range(2):
        os.write(telling.writing, b"\n")
        assert await telling.heard(10)
        assert await telling.heard(10)


async def test_a_child_that_dies_has_told_nothing() -> None:
    """The end of a child is no message: the one that replaces it is still to tell."""
    telling = Telling()
    silent = await asyncio.create_subprocess_exec("true", pass_fds=(telling.writing,))
    await silent.wait()
    assert not await telling.heard(0.05)
