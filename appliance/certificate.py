"""The certificate and key of the gRPC port: looked at before they are used, with the setting named that is at fault."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.settings import PREFIX, Settings
from schemas import plain_file
from schemas.errors import ConfigurationError

_CERTIFICATE, _KEY = f"{PREFIX}GRPC_TLS_CERTIFICATE", f"{PREFIX}GRPC_TLS_KEY"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files as they are read: `chain` and `key`. `host` is the first name that the certificate is for, and empty
    where a client that trusts it finds the fault that `warning` names."""

    chain: bytes
    key: bytes
    host: str = ""
    warning: str = ""


def load(settings: Settings) -> Certificate | None:
    """The configured pair, None when there is none.

    Raises ConfigurationError, naming the setting, for a file that cannot be read or is not what it should be, and for a
    key that is not the certificate's.
    """
    if settings.grpc_tls_certificate is None or settings.grpc_tls_key is None:
        return None
    chain = _read(_CERTIFICATE, settings.grpc_tls_certificate, b"-----BEGIN CERTIFICATE-----", "a PEM certificate")
    key = _read(_KEY, settings.grpc_tls_key, b"PRIVATE KEY-----", "a PEM private key")
    client = _client(settings.grpc_tls_certificate, chain)
    server = _server(settings.grpc_tls_certificate, settings.grpc_tls_key)
    try:
        return Certificate(chain, key, host=_met(client, server))
    except ssl.SSLError as error:
        return Certificate(chain, key, warning=getattr(error, "verify_message", None) or error.reason or str(error))


def _read(setting: str, path: Path, mark: bytes, what: str) -> bytes:
    try:
        content = plain_file.read(path, _MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} cannot be read: {error.strerror}") from error
    if mark not in content:
        raise ConfigurationError(f"{setting}: {path} holds no {what.removeprefix('a ')}")
    return content


def _client(path: Path, chain: bytes) -> ssl.SSLContext:
    """A client that trusts these certificates and no others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=chain.decode("ascii", "ignore"))
    except ssl.SSLError as error:
        raise ConfigurationError(f"{_CERTIFICATE}: {path} holds a PEM certificate that is damaged") from error
    return context


def _server(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def password() -> str:
        raise ConfigurationError(f"{_KEY}: {key} is encrypted: give a key without a passphrase")

    try:
        context.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"{_KEY}: {key} is not the key of the certificate in {certificate}, which {_CERTIFICATE} names"
            ) from error
        raise ConfigurationError(f"{_KEY}: {key} holds a PEM private key that is damaged") from error
    return context


def _met(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """Lets both meet in memory. Returns the first name that the client is shown; raises SSLError if it refuses it."""
    forth, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking, answering = client.wrap_bio(back, forth), server.wrap_bio(forth, back, server_side=True)
    for end in (asking, answering, asking, answering):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    shown: dict[str, Any] = asking.getpeercert() or {}
    return next((str(name) for _, name in shown.get("subjectAltName", ())), "")
