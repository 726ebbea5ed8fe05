"""The least that an HTTP server does for a task: it takes the upload, and answers that the task is there, and done.

    python -m benchmarks.bare_http

What `benchmarks.stages` and `benchmarks.http` hold the appliance against: the same aiohttp, no form, disk or Redis.
Prints its address.
"""

import asyncio

from aiohttp import web

_LARGEST_BYTES = 1 << 30
_DONE = b'{"task":{"task_id":"0","state":"done"},"result":{}}'


async def submitted(request: web.Request) -> web.Response:
    async for _ in request.content.iter_any():
        pass
    return web.Response(status=202, headers={"Location": f"http://{request.host}/task"})


async def polled(_: web.Request) -> web.Response:
    return web.Response(body=_DONE, content_type="application/json")


async def main() -> None:
    app = web.Application(client_max_size=_LARGEST_BYTES)
    app.add_routes([web.get("/task", polled), web.post("/{path:.*}", submitted)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
