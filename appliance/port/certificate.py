"""Certificate and key of a port: looked at before they are used, with the setting named that is at fault."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.settings import PREFIX, Settings
from schemas import plain_file, private_file
from schemas.errors import ConfigurationError

AUTHORITIES = f"{PREFIX}TLS_CLIENT_AUTHORITIES"
_MARK = b"-----BEGIN CERTIFICATE-----"
_MOST_BYTES = 1 << 20

Face = Literal["HTTP", "GRPC"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files as they are read: `chain` and `key`, and the `authorities` of one of which every client must show a
    certificate, empty where none need be shown. `host` is the first name that the certificate is for, and empty where a
    client that trusts it finds the fault that `warning` names."""

    chain: bytes
    key: bytes
    authorities: bytes = b""
    host: str = ""
    warning: str = ""


def load(settings: Settings, face: Face) -> Certificate | None:
    """What is configured for the port of `face`, None where that speaks in the clear.

    Raises ConfigurationError, naming the setting, for a file that cannot be read or is not what it should be, and for a
    key that is not the certificate's.
    """
    files = paths(settings, face)
    if files is None:
        return None
    certificate, key = files[:2]
    chain = _read(chain_setting(face), certificate, _MARK, "a PEM certificate")
    secret = _read(_key_setting(face), key, b"PRIVATE KEY-----", "a PEM private key")
    if fault := private_file.amiss(key, key.stat(), group_of_root=True):
        raise ConfigurationError(f"{_key_setting(face)}: {fault}")
    client = trusting(face, certificate)
    server = server_context(face, certificate, key)
    authorities = b""
    if settings.tls_client_authorities:
        authorities = _read(AUTHORITIES, settings.tls_client_authorities, _MARK, "a PEM certificate")
        _trusting(AUTHORITIES, settings.tls_client_authorities, authorities)
    try:
        return Certificate(chain, secret, authorities, host=_met(client, server))
    except ssl.SSLError as error:
        warning = getattr(error, "verify_message", None) or error.reason or str(error)
        return Certificate(chain, secret, authorities, warning=warning)


def paths(settings: Settings, face: Face) -> tuple[Path, ...] | None:
    """The files of the port: certificate, key, and the authorities of clients if there are any."""
    certificate, key = {
        "HTTP": (settings.http_tls_certificate, settings.http_tls_key),
        "GRPC": (settings.grpc_tls_certificate, settings.grpc_tls_key),
    }[face]
    if certificate is None or key is None:
        return None
    return (certificate, key, *filter(None, [settings.tls_client_authorities]))


def chain_setting(face: Face) -> str:
    """The setting that names the certificate of the port."""
    return f"{PREFIX}{face}_TLS_CERTIFICATE"


def _key_setting(face: Face) -> str:
    return f"{PREFIX}{face}_TLS_KEY"


def _read(setting: str, path: Path, mark: bytes, what: str) -> bytes:
    try:
        content = plain_file.read(path, _MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} cannot be read: {error.strerror}") from error
    if mark not in content:
        raise ConfigurationError(f"{setting}: {path} holds no {what.removeprefix('a ')}")
    return content


def trusting(face: Face, certificate: Path) -> ssl.SSLContext:
    """A client that trusts the certificates of this file and no others. Raises ConfigurationError."""
    chain = _read(chain_setting(face), certificate, _MARK, "a PEM certificate")
    return _trusting(chain_setting(face), certificate, chain)


def _trusting(setting: str, path: Path, chain: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=chain.decode("ascii", "ignore"))
    except ssl.SSLError as error:
        raise ConfigurationError(f"{setting}: {path} holds a PEM certificate that is damaged") from error
    return context


def server_context(face: Face, certificate: Path, key: Path) -> ssl.SSLContext:
    """A server that proves itself with these files. Raises ConfigurationError that names the setting at fault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def password() -> str:
        raise ConfigurationError(f"{_key_setting(face)}: {key} is encrypted: give a key without a passphrase")

    try:
        context.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(
                f"{_key_setting(face)}: {key} is not the key of the certificate in {certificate}, which "
                f"{chain_setting(face)} names"
            ) from error
        raise ConfigurationError(f"{_key_setting(face)}: {key} holds a PEM private key that is damaged") from error
    except OSError as error:
        raise ConfigurationError(f"{_key_setting(face)}: {key} cannot be read: {error.strerror}") from error
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
