"""TLS on the gRPC port."""

import logging
from collections.abc import Callable
from typing import cast

import grpc

from appliance.port import certificate
from appliance.port.renewal import Renewed
from appliance.settings import Settings

log = logging.getLogger(__name__)


def credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server proves itself with, None where it speaks in the clear. gRPC offers TLS 1.2 and 1.3 only.

    Each handshake looks at the files, so that a renewed certificate is served from then on. Raises ConfigurationError
    that names the setting for files that cannot be used.
    """
    files = certificate.paths(settings, "GRPC")
    if files is None:
        return None
    renewed = Renewed(files, lambda: _configuration(settings))
    return grpc.dynamic_ssl_server_credentials(
        renewed.made,
        # None means those from before, whatever its type says.
        cast("Callable[[], grpc.ServerCertificateConfiguration]", lambda: renewed.made if renewed.changed() else None),
        require_client_authentication=settings.tls_client_authorities is not None,
    )


def _configuration(settings: Settings) -> grpc.ServerCertificateConfiguration:
    pair = certificate.load(settings, "GRPC")
    assert pair is not None  # noqa: S101  # its files are configured
    if pair.warning:
        log.warning("the certificate in %s: %s", certificate.chain_setting("GRPC"), pair.warning)
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)], pair.authorities or None)
