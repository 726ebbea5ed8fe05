"""Connections to Redis as redis-py keeps them, under the event loop of the HTTP process."""

import asyncio

import pytest
import uvloop
from redis.exceptions import ConnectionError as RedisConnectionError

from tasks.connection import connect


def test_one_that_was_closed_meanwhile_is_broken(redis_url: str) -> None:
    """Whoever finds that a connection has just gone is told so in redis-py's words, and it is tried again."""

    async def sent() -> None:
        redis = connect(redis_url)
        try:
            connection = await redis.connection_pool.get_connection()
            connection._writer.transport.abort()
            with pytest.raises(RedisConnectionError):
                await connection.send_command("PING")
            assert await redis.ping()
        finally:
            await redis.aclose(close_connection_pool=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(sent())
