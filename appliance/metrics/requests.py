"""What is counted of a request over HTTP."""

from aiohttp import web

from appliance.context import TALLY
from tasks.metrics.declared import REQUEST, REQUESTS

_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
# Whatever else a stranger asks for is one.
_OTHER = "other"


def counted(request: web.Request, status: int, seconds: float) -> None:
    """Counts an answer by its path as it is routed, never as it was written."""
    resource = request.match_info.route.resource
    route = _OTHER if resource is None else resource.canonical
    method = request.method if request.method in _METHODS else _OTHER
    tally = request.app[TALLY]
    tally.count(REQUESTS, method, route, str(status))
    # How long a poll waits is its own wish, and tells nothing of us.
    if "wait=" not in request.rel_url.raw_query_string:
        tally.observe(REQUEST, seconds, method, route)
