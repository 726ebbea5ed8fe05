"""Asking a gRPC server of this machine how it is: what probes and `voiceprint doctor` do."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from phonexia.grpc.common import status_pb2, status_pb2_grpc

from appliance.port import certificate, listener
from appliance.settings import Settings
from schemas.errors import Unauthorized

_PATIENCE_SECONDS = 3.0


def serves(settings: Settings) -> bool:
    """Whether a server at the configured address says that it serves."""
    try:
        with _channel(settings) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_PATIENCE_SECONDS
            )
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def ours(settings: Settings) -> bool:
    """Whether the server at the configured address is one of these."""
    try:
        with _channel(settings) as channel:
            status = status_pb2_grpc.StatusStub(channel).GetStatus(
                status_pb2.GetStatusRequest(), timeout=_PATIENCE_SECONDS
            )
    except grpc.RpcError as error:
        # Where it needs a key it does not tell its name, but refuses as no other does.
        found: dict[str, object] = {one.key: one.value for one in error.trailing_metadata() or ()}
        return found.get("error-type") == Unauthorized.type
    return bool(status.name == "voiceprint-appliance")


def _channel(settings: Settings) -> grpc.Channel:
    """To this machine, which needs no authority to be known: the certificate that is configured is the one to see."""
    address = listener.reachable(settings.host, settings.grpc_port)
    pair = certificate.load(settings, "GRPC")
    if pair is None:
        return grpc.insecure_channel(address)
    # Where clients must show a certificate, it shows the server's own, which is all that there is here.
    shown = (pair.key, pair.chain) if pair.authorities else (None, None)
    credentials = grpc.ssl_channel_credentials(pair.chain, *shown)
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", pair.host.replace("*", "any"))])
