"""Whom to trust, and as whom to call."""

import ssl
from os import PathLike

Path = str | PathLike[str]


def tls(*, authority: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """For a client's `tls`: servers are trusted that the PEM file `authority` vouches for, without one those that the
    system trusts; `certificate` with its `key` is what is shown to an appliance that asks for one.

    Raises OSError for files that cannot be read and ssl.SSLError, an OSError too, for what is no certificate.
    """
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
