"""Who makes a call, as the use cases know their callers."""

from dataclasses import replace

from appliance.access.visitor import Visitor
from appliance.grpc_face.around import Context
from appliance.grpc_face.doors import CALLING
from appliance.intake import Caller
from tasks.tracing import traceparent


def visitor(context: Context) -> Visitor:
    """Who makes the call in which this runs, whether it was let in or not."""
    return replace(CALLING.get(), address=address(context.peer()))


def caller(context: Context) -> Caller:
    """The same as a caller that submits a task."""
    return Caller(visitor(context), waits=True, traceparent=called_in(context))


def called_in(context: Context) -> str:
    """The trace in which the call is made, as W3C's `traceparent`; empty without one."""
    given = [value for name, value in context.invocation_metadata() or () if name == "traceparent"]
    return traceparent(given[0]) if len(given) == 1 and isinstance(given[0], str) else ""


def address(peer: str) -> str:
    """The address in `ipv4:127.0.0.1:50051` or `ipv6:%5B::1%5D:50051`, without the port."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return peer
    return rest.rpartition(":")[0].removeprefix("%5B").removesuffix("%5D").strip("[]")
