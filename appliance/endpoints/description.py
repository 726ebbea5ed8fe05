"""`GET /openapi.json` and `GET /docs`: what this interface is, for programs and for people."""

import asyncio

from aiohttp import web

from appliance.addresses import base_url
from appliance.assets import answer, digest, served
from appliance.context import DOOR, SETTINGS
from appliance.description.assets import ASSETS, PAGE
from appliance.description.document import described
from schemas import json
from schemas.errors import NotFound


def routes() -> list[web.RouteDef]:
    return [
        web.get("/openapi.json", _Described().answer),
        web.get("/docs", page),
        web.get("/docs/{asset}", asset),
    ]


class _Described:
    """The description with and without API keys, each made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[bool, bytes] = {}
        self._making = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        keyed = request.app[DOOR].keyed
        async with self._making:
            if keyed not in self._made:
                self._made[keyed] = await asyncio.to_thread(_made, request.app, keyed)
        servers = json.encode({"servers": [{"url": str(base_url(request, request.app[SETTINGS])).rstrip("/")}]})
        body = servers[:-1] + b"," + self._made[keyed][1:]
        return answer(request, body, digest(body), "application/json")


def _made(app: web.Application, keyed: bool) -> bytes:
    return json.encode(described(app[SETTINGS], keyed=keyed))


async def page(request: web.Request) -> web.Response:
    return await served(request, PAGE)


async def asset(request: web.Request) -> web.Response:
    """Raises NotFound for all that the page does not need."""
    found = ASSETS.get(request.match_info["asset"])
    if found is None:
        raise NotFound("the page at /docs has no such part")
    return await served(request, found)
