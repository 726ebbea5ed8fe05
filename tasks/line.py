"""One connection to Redis, on which nobody waits for the answers of others before they ask.

redis-py opens it: it knows addresses, passwords and TLS. From then on it is spoken here: each call by redis-py costs
several times as much as what Redis spends on it.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse


class Line(asyncio.Protocol):
    """An open connection, from when it is taken over to when it breaks; `broken` tells whether it has."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        # redis-py closes a connection by what it has made for it, and waits for that to be told.
        self._before = transport.get_protocol()
        self._answers = hiredis.Reader(protocolError=InvalidResponse, replyError=DefaultParser.parse_error)
        self._unsent: list[bytes] = []
        self.broken = False
        transport.set_protocol(self)

    @abstractmethod
    def heard(self, answer: Any) -> None:
        """The next answer, an error as an object."""

    @abstractmethod
    def lost(self, error: Exception) -> None:
        """There will be no more."""

    def send(self, commands: Iterable[Sequence[Any]]) -> None:
        """With all that is sent at this moment, as one write."""
        if not self._unsent:
            self._loop.call_soon(self._write)
        self._unsent.extend(hiredis.pack_command(tuple(words)) for words in commands)

    def _write(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not self.broken:
            self._transport.write(b"".join(unsent))

    def hang_up(self, error: Exception) -> None:
        """Nothing is expected of it any more."""
        if not self.broken:
            self.broken = True
            self._transport.abort()
            self.lost(error)

    def data_received(self, data: bytes) -> None:
        self._answers.feed(data)
        try:
            while (answer := self._answers.gets()) is not False:
                self.heard(answer)
        except InvalidResponse as error:
            self.hang_up(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._before.connection_lost(exc)
        self.hang_up(RedisConnectionError("the connection to Redis is closed"))


L = TypeVar("L", bound=Line)


class Place:
    """One place in a pool of connections, for one line after the other. Closing the pool closes what is there."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None

    async def opened(self, kind: Callable[[asyncio.Transport], L]) -> L:
        """A new line in place of the last one. Raises what redis-py does when it cannot connect."""
        await self.left()
        # Neither what others left unread on one of the pool's connections, nor its end, would be noticed.
        self._connection = self._pool.get_available_connection()  # type: ignore[no-untyped-call]
        await self._connection.disconnect(nowait=True)
        try:
            await self._connection.connect()
        except BaseException:
            await self.left()
            raise
        return kind(self._connection._writer.transport)

    async def left(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)
