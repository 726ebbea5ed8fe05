"""Who may call: with keys set, only who brings one of them; everybody may ask for health."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health

from appliance import keys
from appliance.grpc_face.around import Context
from appliance.settings import Settings
from schemas.errors import Unauthorized

Metadata = Iterable[tuple[str, str | bytes]]


def presented(metadata: Metadata | None) -> str:
    """The API key in a call's metadata, empty without one."""
    given = {name: value for name, value in metadata or () if isinstance(value, str)}
    return keys.presented(given.get("authorization", ""), given.get("x-api-key", ""))


class Doors(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Asks for a key before a message is read."""

    def __init__(self, settings: Settings) -> None:
        self._known = keys.known(settings)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        # What a load balancer asks, before anyone could give it a key.
        health_asked = handler_call_details.method.startswith(f"/{health.SERVICE_NAME}/")
        if not self._known or health_asked or self._known(presented(handler_call_details.invocation_metadata)):
            return await continuation(handler_call_details)
        # As a stream, of which nothing is read: the messages of a stranger take no room here.
        return grpc.stream_stream_rpc_method_handler(_closed)


async def _closed(_: Any, __: Context) -> None:
    raise Unauthorized("this appliance needs an API key: send metadata 'authorization: Bearer <key>' or 'x-api-key'")
