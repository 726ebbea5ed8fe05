"""Whose message is read now, where a call has sent none yet and any could be large."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.grpc_face.callers import address
from schemas.errors import Overloaded, RequestTimeout


@dataclass(frozen=True, slots=True)
class Patience:
    """A message has `seconds` to come. `at_a_time` are read together; while others wait, one that has taken `grace`
    seconds makes room for them. `waiting` wait at most."""

    seconds: float
    at_a_time: int
    grace: float
    waiting: int = 256


@dataclass(eq=False, slots=True)
class _Reader:
    connection: str
    limit: asyncio.Timeout
    turn: asyncio.Event
    begun: float = 0.0

    def ends(self, when: float) -> None:
        """Gives it until `when`, unless it is ending already."""
        if not self.limit.expired():
            self.limit.reschedule(when)


class Readers:
    """Calls of some kind whose message is read, or waits for that.

    Next is whose address reads least, then whose connection does, and of one connection the youngest: whoever means it
    sends the message together with the call. Where room must be made, it is by those of whom there are most.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._waiting: list[_Reader] = []
        self._reading: list[_Reader] = []

    @asynccontextmanager
    async def turn(self, connection: str) -> AsyncIterator[None]:
        """Around reading the message of a call that comes over `connection`, as gRPC names it. Raises RequestTimeout
        when it does not come in time, Overloaded when it cannot even be waited for."""
        turn = asyncio.Event()
        try:
            async with asyncio.timeout(self._patience.seconds) as limit:
                reader = _Reader(connection, limit, turn)
                self._waiting.append(reader)
                try:
                    self._next()
                    await turn.wait()
                    yield
                finally:
                    (self._reading if reader in self._reading else self._waiting).remove(reader)
                    self._next()
        except TimeoutError as error:
            if turn.is_set():
                raise RequestTimeout("the call stood still: its message did not come") from error
            raise Overloaded("too many calls are sending their message", headers={"Retry-After": "1"}) from error

    def _next(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting and len(self._reading) < self._patience.at_a_time:
            reader = min(reversed(self._waiting), key=_held(self._reading))
            self._waiting.remove(reader)
            self._reading.append(reader)
            reader.begun = now
            reader.ends(now + self._patience.seconds)
            reader.turn.set()
        if len(self._waiting) > self._patience.waiting:
            max(self._waiting, key=_held(self._waiting)).ends(now)
        if self._waiting:
            held = _held(self._reading)
            most = max(map(held, self._reading))
            crowding = [reader for reader in self._reading if held(reader) == most]
            for reader in crowding[: len(self._waiting)]:
                reader.ends(max(now, reader.begun + self._patience.grace))


def _held(readers: list[_Reader]) -> Callable[[_Reader], tuple[int, int]]:
    """How many of `readers` are of the same address, and of the same connection."""
    connections = Counter(reader.connection for reader in readers)
    addresses: Counter[str] = Counter()
    for connection, count in connections.items():
        addresses[address(connection)] += count
    return lambda reader: (addresses[address(reader.connection)], connections[reader.connection])
