"""`GET /openapi.json` and `GET /docs`: what this interface is, for programs and for people."""

import asyncio

from aiohttp import ETag, hdrs, web

from appliance.addresses import base_url
from appliance.context import DOOR, SETTINGS
from appliance.description.assets import ASSETS, PAGE, POLICY, Asset, digest
from appliance.description.document import described
from schemas import json
from schemas.errors import NotFound

# Kept, but asked for again each time, so that nobody sees what was true before an update.
_CACHING = "no-cache"


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
        return _answer(request, body, digest(body), "application/json")


def _made(app: web.Application, keyed: bool) -> bytes:
    return json.encode(described(app[SETTINGS], keyed=keyed))


async def page(request: web.Request) -> web.Response:
    return await _file(request, PAGE)


async def asset(request: web.Request) -> web.Response:
    """Raises NotFound for all that the page does not need."""
    found = ASSETS.get(request.match_info["asset"])
    if found is None:
        raise NotFound("the page at /docs has no such part")
    return await _file(request, found)


async def _file(request: web.Request, found: Asset) -> web.Response:
    body, named = await asyncio.to_thread(found.read)
    response = _answer(request, body, named, found.content_type)
    response.headers[hdrs.CONTENT_SECURITY_POLICY] = POLICY
    return response


def _answer(request: web.Request, body: bytes, etag: str, content_type: str) -> web.Response:
    """200 with the body, or 304 for those who have it."""
    if any(one.value in {etag, "*"} for one in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        charset = "utf-8" if content_type.startswith("text/") else None
        response = web.Response(body=body, content_type=content_type, charset=charset)
    response.etag = ETag(etag)
    response.headers[hdrs.CACHE_CONTROL] = _CACHING
    return response
