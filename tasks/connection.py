"""The connection to Redis: bounded in time, retried, and an error of ours when it stays away."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from schemas.errors import ConfigurationError, Overloaded, StorageFull

# After these it is asked again.
BROKEN = (exceptions.ConnectionError, exceptions.BusyLoadingError)
PASSING = (*BROKEN, exceptions.TimeoutError)
# Long enough for a restart of Redis under the supervisor, short enough for a client that waits.
_RETRIES = 6


# What commands and scripts say to values that are not of the type that they expect.
_FOREIGN = ("WRONGTYPE", "is not an integer", "is not a valid float", "would overflow", "user_script")

log = logging.getLogger(__name__)


class Unreachable(Overloaded):
    """Redis did not answer; whether it did what it was asked to is not known."""

    def __init__(self) -> None:
        super().__init__("the task store cannot be reached; try again", headers={"Retry-After": "2"})


class Foreign(Overloaded):
    """Redis holds something else under one of our names."""

    def __init__(self) -> None:
        super().__init__(
            "the task store holds what is not its own, and is mended; try again", headers={"Retry-After": "2"}
        )


def shown(url: str) -> str:
    """`url` as it may be printed: without its user name, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def connect(url: str) -> Redis:
    """A pool for `redis://`, `rediss://` or `unix://` addresses; nothing is sent yet.

    Without a socket timeout a frozen Redis would hang its callers for ever. A connection that breaks is tried again,
    since every command of ours may be repeated safely; one that stays silent is not, or each of its timeouts would
    count several times. Raises ConfigurationError for an address that cannot be used.
    """
    try:
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=5.0,
            socket_connect_timeout=2.0,
            health_check_interval=30,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), _RETRIES, supported_errors=BROKEN),
            retry_on_error=list(BROKEN),
        )
    except ValueError as error:
        raise ConfigurationError(f"VOICEPRINT_REDIS_URL: {error}") from error
    pool.connection_class = type("Connection", (_Closing, pool.connection_class), {})
    return Redis(connection_pool=pool)


class _Closing:
    """One of redis-py's connections, to which uvloop says in its own words that it has been closed."""

    async def send_packed_command(self, *given: Any, **named: Any) -> None:
        try:
            await super().send_packed_command(*given, **named)  # type: ignore[misc]
        except RuntimeError as error:
            raise exceptions.ConnectionError("the connection to Redis is closed") from error


@asynccontextmanager
async def redis_errors() -> AsyncIterator[None]:
    """Around what is asked of Redis: raises as `refuse` does."""
    try:
        yield
    except exceptions.RedisError as error:
        refuse(error)


def refuse(error: exceptions.RedisError) -> NoReturn:
    """Raises what an error of Redis is for a caller: Unreachable while it does not answer, StorageFull when it cannot
    write, Foreign when it holds what nobody here has written, and the error itself where it is none of these."""
    # A script may be unknown still, when Redis was restarted between its loading and its run, twice in a row.
    if not isinstance(error, exceptions.ResponseError) or isinstance(error, exceptions.NoScriptError):
        raise Unreachable from error
    # redis-py takes the code away from one of them, and older servers wrap both when a script meets them.
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM" in str(error) or "MISCONF" in str(error):
        raise StorageFull("the task store cannot write: its memory or its disk is full") from error
    if any(words in str(error) for words in _FOREIGN):
        log.warning("Redis: %s", error)
        raise Foreign from error
    raise error
