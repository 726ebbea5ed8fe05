"""Asking the HTTP server of this machine: what probes, `voiceprint doctor` and `voiceprint models list` do."""

import http.client
import ssl
from contextlib import closing

from appliance.port import certificate, listener
from appliance.settings import Settings

_PATIENCE_SECONDS = 4.0


def alive(settings: Settings) -> bool:
    """Whether one of ours answers at the configured address. Raises ConfigurationError for a certificate that cannot be
    used."""
    return told(settings, "/health") is not None


def told(settings: Settings, path: str, key: str = "") -> bytes | None:
    """What one of ours tells at `path` to whoever shows the API key; None where none is there, or does not tell it.

    Raises ConfigurationError for a certificate that cannot be used.
    """
    address = listener.reachable(settings.host, settings.http_port)
    context = _context(settings)
    connection = (
        http.client.HTTPSConnection(address, timeout=_PATIENCE_SECONDS, context=context)
        if context
        else http.client.HTTPConnection(address, timeout=_PATIENCE_SECONDS)
    )
    with closing(connection):
        try:
            connection.request("GET", path, headers={"X-API-Key": key} if key else {})
            answer = connection.getresponse()
            ours = answer.status == http.client.OK and answer.getheader("Server") == "voiceprint"
            return answer.read() if ours else None
        except (OSError, http.client.HTTPException):
            return None


def _context(settings: Settings) -> ssl.SSLContext | None:
    files = certificate.paths(settings, "HTTP")
    if files is None:
        return None
    # To this machine, where the certificate that is configured is the one to see, whatever name it is for.
    context = certificate.trusting("HTTP", files[0])
    # Where clients must show a certificate, it shows the server's own, which is all that there is here.
    context.load_cert_chain(files[0], files[1])
    return context
