"""A TCP proxy between the appliance and its Redis, that breaks connections at chosen points of chosen calls."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.faults.appliance import free_port
from tests.faults.history import History
from tests.faults.resp import Commands

_SCRIPTS = Path(__file__).parents[2] / "tasks"
# The client has seen nothing of its call but that the connection broke. What Redis has seen of it differs.
POINTS = (
    "before",  # not a byte
    "within",  # half of it
    "unread",  # all of it, and perhaps that nobody waits for the answer
    "after",  # all of it, and it has answered
    "midway",  # the same, and half of the answer has come through
)
_CHUNK = 1 << 16


def scripts() -> dict[str, str]:
    """The product's Lua scripts, by the hash by which they are called."""
    return {hashlib.sha1(path.read_bytes()).hexdigest(): path.stem for path in _SCRIPTS.glob("*.lua")}  # noqa: S324


class Proxy:
    """Serves on `port`, in front of the Redis that listens on `behind`. Breaks what `arm` was told."""

    def __init__(self, behind: int, history: History) -> None:
        self.port = free_port()
        self._behind, self._history = behind, history
        self._scripts = scripts()
        self._armed: dict[str, deque[str]] = {}
        # What is broken is tried again: not every try is broken, or nothing would ever happen.
        self._spared: set[str] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._closed = self._silent = self._deaf = False
        self._last = ""
        self._before_last: Callable[[], None] = lambda: None

    def arm(self, points: Iterable[tuple[str, str]]) -> None:
        """Each (script, point) is broken once, at one of that script's next calls."""
        for script, point in points:
            self._armed.setdefault(script, deque()).append(point)

    def left(self, script: str | None = None) -> int:
        """How many points are still to be broken, of one script or of all."""
        return sum(len(points) for name, points in self._armed.items() if script in (None, name))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._linked, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            server.close()
            await self._drop()

    async def away(self, seconds: float) -> None:
        """Every connection breaks and no new one is taken."""
        self._closed = True
        await self._drop()
        await asyncio.sleep(seconds)
        self._closed = False

    async def silent(self, seconds: float) -> None:
        """Connections stay, and nothing comes through."""
        self._silent = True
        await asyncio.sleep(seconds)
        self._silent = False

    def deafen(self, script: str, before: Callable[[], None]) -> None:
        """From the next call of `script` on, of which `before` is told, Redis is still heard but no longer answers."""
        self._last, self._before_last = script, before

    async def _drop(self) -> None:
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _linked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._links.add(task)
        try:
            if not self._closed:
                await self._link(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one of both has gone away by itself, or all are dropped
        finally:
            self._links.discard(task)
            # At once, with what was not sent: a break is no farewell.
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_redis = await asyncio.open_connection("127.0.0.1", self._behind)
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        directions = [
            asyncio.create_task(self._to_redis(reader, to_redis[1], broken)),
            asyncio.create_task(self._to_client(to_redis[0], writer, broken)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            to_redis[1].close()

    async def _to_redis(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, broken: "asyncio.Future[str]"
    ) -> None:
        """Ends when the connection is to break, or has ended."""
        commands = Commands()
        while data := await reader.read(_CHUNK):
            while self._silent:
                await asyncio.sleep(0.02)
            for sent, words in commands.feed(data):
                point = self._point(words)
                writer.write({"before": b"", "within": sent[: len(sent) // 2]}.get(point, sent))
                await writer.drain()
                if point in ("before", "within", "unread"):
                    return
                # Of calls that come together more than one may be chosen.
                if point and not broken.done():
                    broken.set_result(point)

    async def _to_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, broken: "asyncio.Future[str]"
    ) -> None:
        while data := await reader.read(_CHUNK):
            while self._silent:
                await asyncio.sleep(0.02)
            if broken.done():
                # What comes together is answered together, so this is its answer.
                if broken.result() == "midway":
                    writer.write(data[: len(data) // 2])
                    with suppress(TimeoutError):
                        await asyncio.wait_for(writer.drain(), 1)
                return
            if not self._deaf:
                writer.write(data)
                await writer.drain()

    def _point(self, words: list[bytes]) -> str:
        """Where this command's connection is to break, empty for nowhere."""
        if len(words) < 2 or words[0].upper() != b"EVALSHA":
            return ""
        script = self._scripts.get(words[1].decode(), "")
        if script == self._last and not self._deaf:
            self._before_last()
            self._deaf = True
        if not (armed := self._armed.get(script)):
            return ""
        if script in self._spared:
            self._spared.discard(script)
            return ""
        self._spared.add(script)
        point = armed.popleft()
        self._history.note("fault", kind=f"{script} {point}")
        return point
