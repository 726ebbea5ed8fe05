"""The listening socket, and the address that is told to people."""

import errno
import ipaddress
import os
import socket

from appliance.settings import PREFIX
from schemas.errors import ConfigurationError

# As many clients as the kernel keeps waiting by itself while the HTTP process is restarted.
_BACKLOG = 1024

_CURES = {
    errno.EADDRINUSE: "is taken: stop what listens there, or choose another port with --port or "
    f"{PREFIX}HTTP_PORT (0 takes a free one)",
    errno.EACCES: f"is reserved for root: choose one from 1024 on with --port or {PREFIX}HTTP_PORT",
    errno.EADDRNOTAVAIL: f"is not an address of this machine: choose another with --host or {PREFIX}HOST",
}


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises ConfigurationError that names the cure when the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ConfigurationError(f"{PREFIX}HOST: {host} is not a known address or name: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    # A restart must not wait for the connections of the last run to time out.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = _CURES.get(error.errno or 0, f"cannot be listened on: {os.strerror(error.errno or 0)}")
        raise ConfigurationError(f"{_join(host, port)} {reason}") from error
    return listener


def url(listener: socket.socket) -> str:
    """Where this machine reaches `listener`; a socket on every address is reached on the loopback one."""
    host, port = listener.getsockname()[:2]
    return address_url(host, port)


def address_url(host: str, port: int) -> str:
    """As `url`, for a configured address."""
    try:
        wildcard = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        wildcard = False
    if wildcard:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://{_join(host, port)}"


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
