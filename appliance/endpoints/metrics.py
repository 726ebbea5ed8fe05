"""`GET /metrics`: what Prometheus scrapes. Any HTTP process tells the same of all processes of the appliance."""

import asyncio
from typing import Any

from aiohttp import hdrs, web

from appliance.context import AUDIT, FILES, SETTINGS, STORE, TELLER, WORKFORCE
from appliance.metrics.gauges import Gauges
from schemas.errors import Overloaded
from tasks.metrics.telling import totals


def routes() -> list[web.RouteDef]:
    return [web.get("/metrics", _Scraped().answer)]


class _Scraped:
    """Nothing is loaded or remembered for it before it is asked for."""

    def __init__(self) -> None:
        self._gauges: Gauges | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """All that can be told; without Redis that is little, and no error."""
        app = request.app
        gauges = self._gauges = self._gauges or Gauges(
            app[SETTINGS], app[STORE], app[WORKFORCE], app[FILES], app[AUDIT]
        )
        await app[TELLER].now()
        read = await gauges.read()
        try:
            counted = await totals(app[STORE])
        except Overloaded:
            counted = {}
        body, content_type = await asyncio.to_thread(
            _rendered, counted, read, ",".join(request.headers.getall(hdrs.ACCEPT, []))
        )
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type, hdrs.VARY: hdrs.ACCEPT})


def _rendered(*given: Any) -> tuple[bytes, str]:
    # It takes a third of a second to load, and most appliances are never scraped.
    from appliance.metrics.exposition import rendered  # noqa: PLC0415

    return rendered(*given)
