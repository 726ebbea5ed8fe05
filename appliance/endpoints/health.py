"""`GET /health`: this process is alive. `GET /ready`: a task submitted now would be done."""

import asyncio

from aiohttp import web

from appliance.context import FILES, SETTINGS, STORE
from schemas import json
from schemas.errors import Refusal

# Those who ask for our health give up after a few seconds themselves.
_PATIENCE_SECONDS = 2.0


def routes() -> list[web.RouteDef]:
    return [web.get("/health", health), web.get("/ready", ready)]


async def health(_: web.Request) -> web.Response:
    return web.Response(body=json.encode({"status": "alive"}), content_type="application/json")


async def ready(request: web.Request) -> web.Response:
    """200 when every ping answers, else 503 with what each found."""
    found = await pings(request.app)
    failing = [name for name, fault in found.items() if fault is not None]
    body = {
        "status": "not ready" if failing else "ready",
        "checks": {name: {"ok": fault is None, "message": fault or "ok"} for name, fault in found.items()},
    }
    return web.Response(status=503 if failing else 200, body=json.encode(body), content_type="application/json")


async def pings(app: web.Application) -> dict[str, str | None]:
    """What is wrong with each thing that the service needs, or None where nothing is."""
    settings = app[SETTINGS]
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            depth = await app[STORE].depth()
    except (Refusal, TimeoutError):
        unknown = "unknown without Redis"
        return {"redis": "Redis does not answer", "worker": unknown, "model": unknown, "store": _store(app)}
    served = {model for worker in depth.workers.values() for model in worker.models}
    missing = [model for model in settings.served_models if model not in served]
    return {
        "redis": None,
        "worker": None if depth.workers else "no worker has been heard from lately",
        "model": f"no live worker serves {', '.join(missing)}: is it installed?" if missing else None,
        "store": _store(app),
    }


def _store(app: web.Application) -> str | None:
    try:
        app[FILES].probe()
        free = app[FILES].free_space()
    except OSError as error:
        return f"the store folder cannot be written: {error.strerror}"
    if free < (least := int(app[SETTINGS].minimum_free_space)):
        return f"the store folder's disk is full: {free} bytes are free, VOICEPRINT_MINIMUM_FREE_SPACE is {least}"
    return None
