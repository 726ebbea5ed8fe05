"""Web pages of other origins (CORS, WHATWG Fetch): those that are named may call, and no others.

Nothing is done with credentials: a page brings its key itself, as a header, and cookies there are none.
"""

from collections.abc import Collection

from aiohttp import hdrs, web

from appliance.answers import CORRELATION_ID, REQUEST_ID

# How long a browser need not ask again.
_SECONDS = 600
# What a page may send, beside what any page may.
_SENT = (
    *(hdrs.AUTHORIZATION, hdrs.CONTENT_TYPE, "Idempotency-Key", hdrs.IF_NONE_MATCH, "X-API-Key"),
    *(CORRELATION_ID, REQUEST_ID),
)
# What it may read.
_READ = (
    *(hdrs.LOCATION, "X-Location", hdrs.RETRY_AFTER, hdrs.ETAG, hdrs.ALLOW, hdrs.WWW_AUTHENTICATE),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Idempotent-Replayed"),
    *("X-Ignored-Parameters", CORRELATION_ID, REQUEST_ID),
)


def asks_first(request: web.Request) -> bool:
    """Whether a browser asks if a page may make a request, which it does without the page's key."""
    return request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


def answer(request: web.Request) -> web.Response:
    """What a page may do at this address. Raises HTTPNotFound where there is nothing."""
    refusal = request.match_info.http_exception
    if not isinstance(refusal, web.HTTPMethodNotAllowed):
        raise refusal or web.HTTPNotFound
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(refusal.allowed_methods)),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join(_SENT),
            hdrs.ACCESS_CONTROL_MAX_AGE: str(_SECONDS),
        },
    )


def put_headers(request: web.BaseRequest, response: web.StreamResponse, origins: Collection[str]) -> None:
    """Lets a page of one of `origins` read the answer, whatever it is."""
    if not origins:
        return
    response.headers.add(hdrs.VARY, hdrs.ORIGIN)
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin in origins:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ", ".join(_READ)
