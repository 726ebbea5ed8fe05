"""A Redis of one test, which may stop it, start it again and make it stand still."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.embedded_redis import redis_server
from tests.patience import PATIENCE


class OwnRedis:
    def __init__(self, server: redis_server.RedisServer) -> None:
        self.url = server.url
        self._server = server

    def start(self) -> None:
        self._process = subprocess.Popen(self._server.launch().command, stdout=subprocess.DEVNULL)

    async def ready(self) -> None:
        """Returns once it answers."""
        await redis_server.wait_until_ready(self.url, PATIENCE)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)


@contextmanager
def started(models_dir: Path, folder: Path) -> Iterator[OwnRedis]:
    with redis_server.prepared(redis_server.find(models_dir), folder, "always") as server:
        redis = OwnRedis(server)
        redis.start()
        asyncio.run(redis.ready())
        yield redis
        redis.stop()
