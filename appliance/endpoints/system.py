"""`GET /api/system/info`, `/status`, `/throughput` and `/models`: what runs here, how busy it is and was."""

from collections.abc import Mapping
from importlib.metadata import version
from statistics import median
from typing import Any

from aiohttp import web

from appliance import reports
from appliance.answers import shown_time
from appliance.context import FILES, SETTINGS, STORE, TELLER, WORKFORCE
from appliance.endpoints.health import pings
from schemas import json
from schemas.technologies import technologies
from tasks.metrics.throughput import last_hour


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/system/info", info),
        web.get("/api/system/status", status),
        web.get("/api/system/throughput", throughput),
        web.get("/api/system/models", models),
    ]


async def info(_: web.Request) -> web.Response:
    body = {"version": version("voiceprint-appliance"), "technologies": sorted(technologies())}
    return web.Response(body=json.encode(body), content_type="application/json")


async def status(request: web.Request) -> web.Response:
    """Depth of the queue, workers and storage. Raises Overloaded while Redis cannot be reached."""
    settings, depth = request.app[SETTINGS], await request.app[WORKFORCE].depth()
    checks = await pings(request.app)
    body: dict[str, object] = {
        "status": "ready" if all(check is None for check in checks.values()) else "degraded",
        "tasks": {"waiting": depth.waiting, "running": depth.running, "limit": settings.max_queue_length},
        "workers": [{"name": name, "models": can.models} for name, can in sorted(depth.workers.items())],
        "storage": {
            "input_bytes": depth.input_bytes,
            "input_limit_bytes": int(settings.input_storage_size),
            "free_bytes": request.app[FILES].free_space(),
        },
        # By the names under which the Phonexia Speech Platform publishes them; bytes and seconds.
        "limits": {
            "singleFileUploadSize": int(settings.single_file_upload_size),
            "singleFileUploadTimeout": settings.single_file_upload_timeout,
            "inputStorageSize": int(settings.input_storage_size),
            "maxAudioLength": settings.max_audio_length,
        },
    }
    return web.Response(body=json.encode(body), content_type="application/json")


async def throughput(request: web.Request) -> web.Response:
    """The last hour by the minute. Raises Overloaded while Redis cannot be reached."""
    await request.app[TELLER].now()
    minutes = [
        {"start": shown_time(1000 * one.start), "tasks": one.tasks, "audio_seconds": one.audio_seconds}
        for one in await last_hour(request.app[STORE])
    ]
    return web.Response(body=json.encode({"minutes": minutes}), content_type="application/json")


async def models(request: web.Request) -> web.Response:
    """The speaker models that live workers serve. Workers of one kind of machine tell the same of a model but its
    speed, of which the median is shown. Raises Overloaded while Redis cannot be reached."""
    told: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for model in await reports.models(request.app[WORKFORCE]):
        told.setdefault((model["name"], model["device"]), []).append(model)
    served = request.app[SETTINGS].served_models
    body = [
        {
            **same[0],
            "default": name == served[0],
            "times_real_time": median(model["times_real_time"] for model in same),
            "workers": len(same),
        }
        for (name, _), same in sorted(told.items(), key=lambda item: (item[0][0] != served[0], item[0]))
    ]
    return web.Response(body=json.encode({"models": body}), content_type="application/json")
