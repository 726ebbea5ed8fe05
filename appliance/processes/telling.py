"""A pipe by which a child process tells its supervisor one thing, once."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress


class Telling:
    """`writing` is passed on to a child, and to those that replace it until one of them has told."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()

    async def heard(self, seconds: float) -> bool:
        """Whether it is told within `seconds`, or was before."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._reading, told.set)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await told.wait()
        finally:
            loop.remove_reader(self._reading)
        return told.is_set()


def told_once(pipe: int | None) -> Callable[[], None]:
    """Tells the supervisor at the other end of `pipe`, if there is one, the first time it is called."""
    waiting = [] if pipe is None else [pipe]

    def tell() -> None:
        while waiting:
            with os.fdopen(waiting.pop(), "wb") as told:
                told.write(b"\n")

    return tell
