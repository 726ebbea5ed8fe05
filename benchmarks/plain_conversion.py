"""Conversion as a server does it that is written plainly: what the appliance's own is measured against.

    python -m benchmarks.plain_conversion

The same voiceprints in and the same vectors out, over the same two calls, with json, base64, hashlib, msgpack, numpy
and aiohttp, each used as its documentation does. Tasks live in memory: nothing is stored, encrypted or survives. It
prints its address and serves until it is ended.
"""

import asyncio
import base64
import hashlib
import uuid
from typing import Any

import msgpack
import numpy as np
from aiohttp import web

_PATH = "/api/technology/speaker-identification-voiceprint-conversion"
_MOST_BYTES = 1 << 30
_HEAD_BYTES, _CHECK_BYTES = 16, 32


def converted(document: dict[str, Any]) -> dict[str, Any]:
    vectors = []
    for text in document["voiceprints"]:
        container = base64.b64decode(text, validate=True)
        if hashlib.sha256(container[:-_CHECK_BYTES]).digest() != container[-_CHECK_BYTES:]:
            raise ValueError("a damaged voiceprint")
        fields = msgpack.unpackb(container[_HEAD_BYTES:-_CHECK_BYTES])
        vectors.append(np.frombuffer(fields["vector"], "<f4").tolist())
    return {"vector_voiceprints": vectors}


class Tasks:
    """Those of one server."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[dict[str, Any]]] = {}

    async def submit(self, request: web.Request) -> web.Response:
        document = await request.json()
        task_id = str(uuid.uuid4())
        self._running[task_id] = asyncio.create_task(asyncio.to_thread(converted, document))
        return web.json_response(
            {"task": {"task_id": task_id, "state": "pending"}},
            status=202,
            headers={"Location": str(request.url.with_path(f"{_PATH}/{task_id}"))},
        )

    async def poll(self, request: web.Request) -> web.Response:
        # What was fetched is forgotten, so that a benchmark does not fill the memory.
        task_id = request.match_info["task_id"]
        result = await self._running[task_id]
        del self._running[task_id]
        return web.json_response({"task": {"task_id": task_id, "state": "done"}, "result": result})


async def serve() -> None:
    tasks = Tasks()
    app = web.Application(client_max_size=_MOST_BYTES)
    app.add_routes([web.post(_PATH, tasks.submit), web.get(_PATH + "/{task_id}", tasks.poll)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site.name if not runner.addresses else f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
