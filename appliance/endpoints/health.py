"""`GET /health`: this process is alive. `GET /ready`: a task submitted now would be done."""

from aiohttp import web

from appliance import readiness
from appliance.context import AUDIT, FILES, SETTINGS, WORKFORCE
from schemas import json


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
    return await readiness.pings(app[SETTINGS], app[WORKFORCE], app[FILES], app[AUDIT])
