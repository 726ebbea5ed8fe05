"""The listening socket, and the address that is told to people."""

import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from appliance.settings import PREFIX
from schemas.errors import ConfigurationError

# As many clients as the kernel keeps waiting by itself while the HTTP process is restarted.
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Choice:
    """How a person chooses a port: the option, the variable, and what can be done without it."""

    option: str
    variable: str
    otherwise: str = ""

    def cure(self, error: OSError) -> str:
        number = error.errno or 0
        cures = {
            errno.EADDRINUSE: "is taken: stop what listens there, or choose another port with "
            f"{self.option} or {self.variable} (0 takes a free one){self.otherwise}",
            errno.EACCES: f"is reserved for root: choose one from 1024 on with {self.option} or {self.variable}",
            errno.EADDRNOTAVAIL: f"is not an address of this machine: choose another with --host or {PREFIX}HOST",
        }
        return cures.get(number, f"cannot be listened on: {os.strerror(number)}")


HTTP = Choice("--port", f"{PREFIX}HTTP_PORT")
GRPC = Choice("--grpc-port", f"{PREFIX}GRPC_PORT", f", or do without gRPC with {PREFIX}GRPC=off")


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises ConfigurationError that names the cure when the address cannot be had.
    """
    return _bound(host, port, HTTP, lambda bound: bound.listen(_BACKLOG))


def reserve(host: str, port: int) -> socket.socket:
    """A TCP socket that holds a port and does not listen, for a server that makes its own sockets, which gRPC does.

    Whoever runs as the same user and asks for SO_REUSEPORT can listen on it, now and after a restart. Port 0 takes a
    free one. Raises ConfigurationError that names the cure when the address cannot be had.
    """
    # Only once it is bound: asked for before, it would also share a port on which another such server listens.
    return _bound(host, port, GRPC, lambda bound: bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1))


def _bound(host: str, port: int, choice: Choice, use: Callable[[socket.socket], None]) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ConfigurationError(f"{PREFIX}HOST: {host} is not a known address or name: {error.strerror}") from error
    bound = socket.socket(family, kind, protocol)
    # A restart must not wait for the connections of the last run to time out.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        use(bound)
    except OSError as error:
        bound.close()
        raise ConfigurationError(f"{join(host, port)} {choice.cure(error)}") from error
    return bound


def address(bound: socket.socket) -> str:
    """Host and port at which `bound` is bound."""
    host, port = bound.getsockname()[:2]
    return join(host, port)


def url(listener: socket.socket, *, secure: bool = False) -> str:
    """Where this machine reaches `listener`, which speaks TLS where it is `secure`; a socket on every address is
    reached on the loopback one."""
    host, port = listener.getsockname()[:2]
    return address_url(host, port, secure=secure)


def address_url(host: str, port: int, *, secure: bool = False) -> str:
    """As `url`, for a configured address."""
    return f"{'https' if secure else 'http'}://{reachable(host, port)}"


def reachable(host: str, port: int) -> str:
    """Host and port at which this machine reaches a server that is bound to them."""
    try:
        wildcard = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        wildcard = False
    if wildcard:
        host = "::1" if ":" in host else "127.0.0.1"
    return join(host, port)


def join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
