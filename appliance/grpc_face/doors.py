"""Who may call: once there are keys, only who brings one that allows it; everybody may ask for health."""

from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from functools import partial
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health

from appliance.access import door
from appliance.access.api_key import Scope
from appliance.access.door import Door
from appliance.access.visitor import Visitor
from appliance.grpc_face.around import Context
from schemas.errors import Refusal

Metadata = Iterable[tuple[str, str | bytes]]

# Of the call in whose context it is read, but for its address, which only the call itself knows.
CALLING: ContextVar[Visitor] = ContextVar("calling")

# A call submits a task and reads its result; that it is erased then is no wish of the caller's.
_NEEDS = {
    "/phonexia.grpc.technologies.": (Scope.SUBMIT, Scope.READ),
    "/phonexia.grpc.common.": (Scope.SYSTEM,),
}


class Doors(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Asks for a key before a message is read."""

    def __init__(self, opened: Door) -> None:
        self._door = opened

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        visitor, method = Visitor(), handler_call_details.method
        # What a load balancer asks, before anyone could give it a key.
        if not method.startswith(f"/{health.SERVICE_NAME}/"):
            visitor = self._door.ask(_presented(handler_call_details.invocation_metadata), _needs(method), "")
        CALLING.set(visitor)
        if visitor.refusal is None:
            return await continuation(handler_call_details)
        # As a stream, of which nothing is read: the messages of a stranger take no room here.
        return grpc.stream_stream_rpc_method_handler(partial(_closed, visitor.refusal))


def _presented(metadata: Metadata | None) -> str:
    """The API key in a call's metadata, empty without one."""
    given: dict[str, list[str]] = {"authorization": [], "x-api-key": []}
    for name, value in metadata or ():
        if name in given and isinstance(value, str):
            given[name].append(value)
    return door.presented(given["authorization"], given["x-api-key"])


def _needs(method: str) -> tuple[Scope, ...]:
    return next((needed for beginning, needed in _NEEDS.items() if method.startswith(beginning)), ())


async def _closed(refusal: Refusal, _: Any, __: Context) -> None:
    raise refusal
