"""A Redis that is not the appliance's own: on a port of the loopback interface, with what it stores in a folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.embedded_redis import redis_server
from tests.faults.appliance import models_dir


@asynccontextmanager
async def redis_on(port: int, folder: Path) -> AsyncIterator[None]:
    """Answers until the context ends. `folder` must be there."""
    words = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "appendonly": "yes", "appendfsync": "always"}
    process = await asyncio.create_subprocess_exec(
        redis_server.find(models_dir()).path,
        *(word for name, value in words.items() for word in (f"--{name}", value)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await redis_server.wait_until_ready(f"redis://127.0.0.1:{port}", 10.0)
        yield
    finally:
        process.kill()
        await process.wait()
