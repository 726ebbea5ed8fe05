"""Asking a gRPC server of this machine how it is: what probes and `voiceprint doctor` do."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from phonexia.grpc.common import status_pb2, status_pb2_grpc

from appliance import certificate, listener
from appliance.settings import Settings

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


def name(settings: Settings) -> str:
    """What a server at the configured address calls itself, empty when none answers."""
    key = next((key.get_secret_value() for key in settings.api_keys), "")
    try:
        with _channel(settings) as channel:
            status = status_pb2_grpc.StatusStub(channel).GetStatus(
                status_pb2.GetStatusRequest(), metadata=(("x-api-key", key),), timeout=_PATIENCE_SECONDS
            )
    except grpc.RpcError:
        return ""
    return str(status.name)


def _channel(settings: Settings) -> grpc.Channel:
    """To this machine, which needs no authority to be known: the certificate that is configured is the one to see."""
    address = listener.reachable(settings.host, settings.grpc_port)
    pair = certificate.load(settings)
    if pair is None:
        return grpc.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(root_certificates=pair.chain)
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", pair.host.replace("*", "any"))])
