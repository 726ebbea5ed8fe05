"""The appliance's Redis for a command: the configured one, the one that runs, or one that is started for the time."""

import asyncio
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from redis.asyncio import Redis

from appliance import preflight
from appliance.embedded_redis import redis_server
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from tasks.connection import connect

_START_SECONDS, _STOP_SECONDS, _POLL_SECONDS = 15.0, 60.0, 0.05


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[Redis]:
    """Redis as the appliance has it, whether it runs or not; one that does not is kept from starting meanwhile.

    Raises ConfigurationError when there is no way to it.
    """
    url = settings.redis_url.get_secret_value() if settings.redis_url else redis_server.running_url(settings.data_dir)
    if url is not None:
        async with _connected(url) as redis:
            yield redis
        return
    with preflight.locked(settings.data_dir):
        async with _started(settings) as (redis, _):
            yield redis


@asynccontextmanager
async def configured_or_started(settings: Settings) -> AsyncIterator[tuple[Redis, str]]:
    """Redis and its address, for whoever holds the data folder locked. What was written is on disk when it has ended.

    Raises ConfigurationError when there is no way to it."""
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        async with _connected(url) as redis:
            yield redis, url
        return
    async with _started(settings) as found:
        yield found


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[tuple[Redis, str]]:
    binary = redis_server.find(settings.models)
    with (
        redis_server.prepared(binary, settings.data_dir, settings.redis_fsync) as server,
        tempfile.TemporaryFile() as log,
    ):
        process = subprocess.Popen(  # noqa: ASYNC220, S603
            server.launch().command, stdout=log, stderr=log, start_new_session=True
        )
        try:
            await _ready(process, server, log)
            async with _connected(server.url) as redis:
                yield redis, server.url
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        if process.returncode != 0:
            raise ConfigurationError(server.explain(_said(log)))


async def _ready(process: "subprocess.Popen[bytes]", server: redis_server.RedisServer, log: BinaryIO) -> None:
    answer = asyncio.create_task(redis_server.wait_until_ready(server.url, _START_SECONDS))
    while not answer.done():
        if process.poll() is not None:
            answer.cancel()
            raise ConfigurationError(server.explain(_said(log)))
        await asyncio.wait((answer,), timeout=_POLL_SECONDS)
    answer.result()


def _said(log: BinaryIO) -> list[str]:
    log.seek(0)
    return log.read().decode(errors="replace").splitlines()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Redis]:
    redis = connect(url)
    try:
        yield redis
    finally:
        await redis.aclose(close_connection_pool=True)
