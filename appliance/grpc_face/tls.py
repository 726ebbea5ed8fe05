"""TLS on the gRPC port."""

import logging

import grpc

from appliance import certificate
from appliance.settings import PREFIX, Settings

log = logging.getLogger(__name__)


def credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server proves itself with, None where it speaks in the clear. gRPC offers TLS 1.2 and 1.3 only.

    Raises ConfigurationError that names the setting for files that cannot be used. They are read once: a renewed
    certificate is served after the next start.
    """
    pair = certificate.load(settings)
    if pair is None:
        return None
    if pair.warning:
        log.warning("the certificate in %sGRPC_TLS_CERTIFICATE: %s", PREFIX, pair.warning)
    return grpc.ssl_server_credentials([(pair.key, pair.chain)])
