"""Clients of the gRPC interface that are meant to wear it out: before any call, where no interceptor of ours looks."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import Appliance
from tests.fuzz.processes import processes
from tests.patience import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    """A frame of HTTP/2, whose length may lie."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def connect(appliance: Appliance) -> socket.socket:
    host, _, port = appliance.grpc.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def assert_serves(appliance: Appliance) -> None:
    """A polite client is answered."""
    with grpc.insecure_channel(appliance.grpc) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def grpc_process(appliance: Appliance) -> int:
    (pid,) = (process.pid for process in processes(appliance.process.pid) if process.role == "grpc")
    return pid


@pytest.fixture
def few_files() -> Iterator[Callable[[], None]]:
    """What is started gets the 1,024 open files that a login gives; called, the test itself may have all again."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 5000:
        pytest.skip("this user may not open as many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5000, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_thousands_of_idle_connections(
    few_files: Callable[[], None], start_appliance: Callable[..., Appliance]
) -> None:
    """With nothing on them, or half a greeting, or all of it: they do not use up the files of the process, and the next
    client is answered."""
    greetings = (b"", b"PRI * HT", PREFACE + SETTINGS)
    appliance = start_appliance(grpc_port=0)
    few_files()
    with ExitStack() as stack:
        for number in range(2000):
            stack.enter_context(connect(appliance)).sendall(greetings[number % len(greetings)])
        assert_serves(appliance)
        assert sum(1 for _ in Path(f"/proc/{grpc_process(appliance)}/fd").iterdir()) > 2000
    assert "limit reached" not in (appliance.data_dir / "up.log").read_text()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="HTTP/1.1"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), id="TLS"),
        pytest.param(bytes(100_000), id="zeros"),
        pytest.param(PREFACE + frame(4, 0, 0, b"", (1 << 24) - 1), id="settings of 16 MiB"),
        pytest.param(PREFACE + SETTINGS + frame(1, 4, 1, b"\xff" * 5000), id="headers that are none"),
        pytest.param(
            PREFACE + SETTINGS + frame(1, 0, 1, b"") + frame(9, 0, 1, b"x" * 16_000) * 200, id="endless headers"
        ),
        pytest.param(PREFACE + SETTINGS + frame(0, 0, 1, b"x" * 100), id="data without a call"),
        pytest.param(PREFACE + SETTINGS + frame(8, 0, 0, b"\x7f\xff\xff\xff") * 3, id="a window without end"),
        pytest.param(PREFACE + SETTINGS + frame(6, 0, 0, bytes(8)) * 20_000, id="a flood of pings"),
        pytest.param(PREFACE + frame(4, 0, 0, b"\0\4\0\0\0\0") * 20_000, id="a flood of settings"),
        pytest.param(
            PREFACE
            + SETTINGS
            + b"".join(
                # :method POST, :scheme http, :path /, and the call is taken back at once.
                frame(1, 4, stream, b"\x83\x86\x84") + frame(3, 0, stream, b"\0\0\0\x08")
                for stream in range(1, 20_001, 2)
            ),
            id="ten thousand calls taken back",
        ),
    ],
)
def test_what_is_not_grpc_hurts_nobody(appliance: Appliance, sent: bytes) -> None:
    """Bytes that break the rules of HTTP/2, or keep them to no good end: the same process serves the next client."""
    before = grpc_process(appliance)
    with connect(appliance) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
        except OSError:
            pass  # it was hung up on, which is its right
    assert_serves(appliance)
    assert grpc_process(appliance) == before
