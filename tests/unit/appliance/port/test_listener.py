"""Sockets that listen, and sockets that hold a port for somebody else to listen on."""

import socket

import pytest

from appliance.port import listener
from schemas.errors import ConfigurationError
from tests.patience import PATIENCE


def shared(port: int) -> socket.socket:
    """What gRPC does: a listening socket of its own on a port that it shares."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


def test_a_reserved_port_can_be_listened_on_again_and_again() -> None:
    """One process after the other listens on the port that is held, which stays the same."""
    with listener.reserve("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        for _ in range(2):
            with shared(port), socket.create_connection(("127.0.0.1", port), PATIENCE):
                pass
        assert listener.address(held) == f"127.0.0.1:{port}"


def test_a_port_that_is_listened_on_is_not_reserved() -> None:
    """Not even one that its owner would share: two appliances on one port would each get some of the calls."""
    with listener.reserve("127.0.0.1", 0) as held, shared(held.getsockname()[1]):
        with pytest.raises(ConfigurationError, match="is taken") as caught:
            listener.reserve("127.0.0.1", held.getsockname()[1])
        for cure in ("--grpc-port", "VOICEPRINT_GRPC_PORT", "VOICEPRINT_GRPC=off"):
            assert cure in caught.value.message


def test_http_has_words_of_its_own() -> None:
    """The cure for a taken port names the settings of the interface that wanted it."""
    with listener.listen("127.0.0.1", 0) as taken:
        with pytest.raises(ConfigurationError, match="VOICEPRINT_HTTP_PORT") as caught:
            listener.listen("127.0.0.1", taken.getsockname()[1])
        assert "GRPC" not in caught.value.message


@pytest.mark.parametrize("take", [listener.listen, listener.reserve])
def test_a_foreign_address_is_named(take: object) -> None:
    """An address that this machine does not have, and a name that nobody has."""
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:8080 is not an address of this machine"):
        take("192.0.2.1", 8080)  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=r"VOICEPRINT_HOST: no\.such\.invalid"):
        take("no.such.invalid", 8080)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1:8080"),
        ("0.0.0.0", "127.0.0.1:8080"),  # noqa: S104
        ("::", "[::1]:8080"),
        ("::1", "[::1]:8080"),
        ("voiceprint.example", "voiceprint.example:8080"),
    ],
)
def test_where_a_server_is_reached(host: str, shown: str) -> None:
    """A server on every address is reached on the loopback one."""
    assert listener.reachable(host, 8080) == shown
