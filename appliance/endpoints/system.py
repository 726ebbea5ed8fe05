"""`GET /api/system/info` and `/api/system/status`: what runs here and how busy it is."""

from importlib.metadata import version

from aiohttp import web

from appliance.context import FILES, SETTINGS, STORE
from appliance.endpoints.health import pings
from schemas import json
from schemas.technologies import technologies


def routes() -> list[web.RouteDef]:
    return [web.get("/api/system/info", info), web.get("/api/system/status", status)]


async def info(_: web.Request) -> web.Response:
    body = {"version": version("voiceprint-appliance"), "technologies": sorted(technologies())}
    return web.Response(body=json.encode(body), content_type="application/json")


async def status(request: web.Request) -> web.Response:
    """Depth of the queue, workers and storage. Raises Overloaded while Redis cannot be reached."""
    settings, depth = request.app[SETTINGS], await request.app[STORE].depth()
    checks = await pings(request.app)
    body = {
        "status": "ready" if all(check is None for check in checks.values()) else "degraded",
        "tasks": {"waiting": depth.waiting, "running": depth.running, "limit": settings.max_queue_length},
        "workers": [{"name": name, "model": model} for name, model in sorted(depth.workers.items())],
        "storage": {
            "input_bytes": depth.input_bytes,
            "input_limit_bytes": int(settings.input_storage_size),
            "free_bytes": request.app[FILES].free_space(),
        },
    }
    return web.Response(body=json.encode(body), content_type="application/json")
