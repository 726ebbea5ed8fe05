"""Who makes a call, as the use cases know their callers."""

from appliance import keys
from appliance.grpc_face.around import Context
from appliance.grpc_face.calls import Calls
from appliance.grpc_face.doors import presented
from appliance.intake import Caller


def caller(calls: Calls, context: Context) -> Caller:
    """By its API key, or without keys by its address."""
    # Without keys to check it against, anyone could take a name there.
    scope = keys.scope(presented(context.invocation_metadata())) if calls.settings.api_keys else b""
    return Caller(scope=scope, address=address(context.peer()))


def address(peer: str) -> str:
    """The address in `ipv4:127.0.0.1:50051` or `ipv6:%5B::1%5D:50051`, without the port."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return peer
    return rest.rpartition(":")[0].removeprefix("%5B").removesuffix("%5D").strip("[]")
