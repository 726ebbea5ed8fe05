"""An appliance that is not ours: it stands before one that is, and behaves as the older and closed ones may."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.patience import PATIENCE

_PUBLISHED_KEYS = {"task", "result", "error"}


def other_scale(score: float) -> float:
    """Another scale, and another opinion: not a rising function of `score`, so that both decide differently."""
    return 0.4 * score + 1.5 + 0.8 * math.sin(40 * score)


@dataclass
class OldAppliance:
    """Answers as the appliance behind it, but for X-Location only, scores of another scale, now and then a 503 or a
    broken connection, and no recording that holds `refused`.

    `key` is what callers must carry; `idle` makes tasks never end. `calls` counts what came, by method and last word of
    the technology, `keys` what JSON bodies and query strings held; `polled` is
    set once a task was asked for.
    """

    behind: str
    score: Callable[[float], float] = other_scale
    refused: bytes | None = None
    key: str | None = None
    idle: bool = False
    faulty: bool = True
    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    polled: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"type": "request.forbidden", "message": "no", "detail": []}, status=403)
        body = await request.read()
        kind = request.path.split("/")[3].rpartition("-")[2]
        self.calls[f"{request.method} {kind}"] += 1
        self.keys |= set(request.query) | {name for name in request.headers if "idempotency" in name.lower()}
        if request.method == "GET":
            self.polled.set()
        count = self.calls.total()
        if self.faulty and count % 7 == 2:
            return web.json_response({"type": "service.overloaded"}, status=503, headers={"Retry-After": "0"})
        if self.faulty and count % 11 == 3:
            assert request.transport is not None
            request.transport.close()
        if self.refused and self.refused in body:
            error = {"type": "request.validation-error", "message": "not this \x1b[31mone", "detail": []}
            return web.json_response(error, status=422)
        if request.content_type == "application/json":
            self.keys |= set(json.loads(body))
        return await self._forward(request, body)

    async def _forward(self, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = {"Content-Type": request.headers["Content-Type"]} if body else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, self.behind + request.path_qs, data=body, headers=headers) as answer,
        ):
            found = await answer.json()
            if answer.status == 202:
                location = answer.headers["Location"].replace(self.behind, self.url)
                return web.json_response(found, status=202, headers={"X-Location": location})
            return web.json_response(self._aged(found), status=answer.status)

    def _aged(self, body: dict[str, object]) -> dict[str, object]:
        """The poll body of an older appliance: published keys, and scores on its own scale."""
        if self.idle:
            return {"task": {**body["task"], "state": "running"}}  # type: ignore[dict-item]
        result = body.get("result")
        if isinstance(result, dict) and "scores" in result:
            result["scores"]["values"] = [self.score(value) for value in result["scores"]["values"]]
        if isinstance(result, dict) and "channels" in result:
            shown = ("channel_number", "voiceprint", "speech_length")
            result["channels"] = [
                {name: channel[name] for name in shown} | {"model": "old"} for channel in result["channels"]
            ]
        return {name: value for name, value in body.items() if name in _PUBLISHED_KEYS}


@asynccontextmanager
async def serving(old: OldAppliance) -> AsyncIterator[OldAppliance]:
    """`old` on a free port, its `url` filled in."""
    application = web.Application(client_max_size=1 << 28)
    application.router.add_route("*", "/api/technology/{rest:.*}", old.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        old.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield old
    finally:
        await asyncio.wait_for(runner.cleanup(), PATIENCE)
