"""What `voiceprint doctor` looks at of the gRPC interface: packages, certificate, port."""

from appliance import preflight
from appliance.doctor.finding import Finding
from appliance.port import certificate, listener
from appliance.settings import PREFIX, Settings
from schemas.errors import ConfigurationError

_CERTIFICATE = f"{PREFIX}GRPC_TLS_CERTIFICATE"


def grpc(settings: Settings) -> Finding:
    """Raises ConfigurationError for a port that somebody else has, or packages that are asked for and missing."""
    if settings.grpc == "off":
        return Finding("ok", "switched off")
    if settings.grpc == "auto" and not preflight.grpc_installed():
        return Finding(
            "warn",
            "not served: its packages are not installed",
            f"pip install 'voiceprint-appliance[grpc]', or set {PREFIX}GRPC=off",
        )
    try:
        pair = certificate.load(settings, "GRPC")
    except ConfigurationError as error:
        return Finding("fail", error.message, f"correct {_CERTIFICATE} and {PREFIX}GRPC_TLS_KEY, or unset both")
    if pair and pair.warning:
        return Finding("warn", f"{settings.grpc_tls_certificate}: {pair.warning}", f"renew what {_CERTIFICATE} names")
    preflight.require_grpc(settings)
    return Finding("ok", f"{_port(settings)}, {'with TLS' if pair else 'in the clear'}")


def _port(settings: Settings) -> str:
    try:
        with listener.reserve(settings.host, settings.grpc_port) as free:
            return f"{listener.address(free)} is free"
    except ConfigurationError:
        from appliance.grpc_face import asking  # noqa: PLC0415

        if not asking.ours(settings):
            raise
    return f"{listener.reachable(settings.host, settings.grpc_port)} is served by an appliance that runs already"
