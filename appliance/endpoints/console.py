"""`GET /`: the console, and `GET /console/{asset}`: what it is made of."""

from aiohttp import hdrs, web

from appliance.assets import served
from appliance.console.assets import ASSETS, PAGE, PERMISSIONS, POLICY
from schemas.errors import NotFound


def routes() -> list[web.RouteDef]:
    return [web.get("/", page), web.get("/console/{asset}", asset)]


async def page(request: web.Request) -> web.Response:
    response = await served(request, PAGE, POLICY)
    response.headers[hdrs.PERMISSIONS_POLICY] = PERMISSIONS
    return response


async def asset(request: web.Request) -> web.Response:
    """Raises NotFound for all that the console does not need."""
    found = ASSETS.get(request.match_info["asset"])
    if found is None:
        raise NotFound("the console has no such part")
    return await served(request, found, POLICY)
