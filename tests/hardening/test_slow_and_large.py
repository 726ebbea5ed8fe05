"""Clients that are slow, leave, or send a lot."""

import hashlib
import os
import re
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from schemas import voiceprint
from tests.conftest import EXTRACTION, Appliance, ended
from tests.hardening.conftest import assert_nothing_kept, stored
from tests.hardening.test_refused_media import wav
from tests.hardening.wire import FORM, assert_stands, connect, part, received, request
from tests.patience import PATIENCE, until

MEBIBYTE = 1 << 20
# So much of an upload is there that its file is as well.
BEGUN = part("file", bytes(2 * MEBIBYTE))
HEAD = request("POST", EXTRACTION, f"Content-Type: {FORM}", body=BEGUN, length=100 * MEBIBYTE)


def http_process(appliance: Appliance) -> int:
    """The process that answers: a child of the supervisor."""
    for folder in Path("/proc").iterdir():
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == appliance.process.pid and b"\0serve\0" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except (OSError, ValueError, IndexError):
            continue
    raise AssertionError("no HTTP process was found")


def peak_memory(pid: int) -> int:
    """Bytes that the process has had in memory at most, since it was last reset."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def wait_for_partial(appliance: Appliance, count: int) -> None:
    until(lambda: len(stored(appliance.data_dir)) >= count)


def sound(mebibytes: int) -> Iterator[bytes]:
    yield part("file", b"this is text").removesuffix(b"\r\n")
    block = bytes(MEBIBYTE)
    for _ in range(mebibytes):
        yield block
    yield b"\r\n--edge--\r\n"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel does not tell peak memory")
def test_a_large_upload_never_sits_in_memory(client: httpx.Client, appliance: Appliance) -> None:
    """300 MiB stream through the HTTP process, which grows by no more than a tenth of that."""
    pid = http_process(appliance)
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = peak_memory(pid)
    answer = client.post(EXTRACTION, content=sound(300), headers={"Content-Type": FORM})
    assert answer.status_code == 202, answer.text
    assert peak_memory(pid) - before < 30 * MEBIBYTE
    assert ended(client, answer.headers["Location"])["task"]["state"] == "rejected"  # type: ignore[index]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.usefixtures("client")
def test_a_client_that_leaves_leaves_nothing(appliance: Appliance, reset: bool) -> None:
    """A connection that ends in the middle of an upload, politely or not, takes its bytes with it."""
    with connect(appliance.url) as connection:
        connection.sendall(HEAD)
        wait_for_partial(appliance, 1)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert_nothing_kept(appliance.data_dir)


def test_many_stalled_uploads_do_not_hinder_others(client: httpx.Client, appliance: Appliance) -> None:
    """A hundred clients that stand still in the middle of an upload keep nobody from being served."""
    with ExitStack() as stack:
        stalled = [stack.enter_context(connect(appliance.url)) for _ in range(100)]
        for connection in stalled:
            connection.sendall(HEAD)
        wait_for_partial(appliance, 100)
        assert client.get("/ready").status_code == 200
        answer = client.post(EXTRACTION, files={"file": b"this is text"})
        assert answer.status_code == 202
        assert_stands(stalled[-1])
        assert ended(client, answer.headers["Location"])["task"]["state"] == "rejected"  # type: ignore[index]


def test_unfinished_requests_do_not_hinder_others(client: httpx.Client, appliance: Appliance) -> None:
    """Nor do two hundred that never get beyond their headers."""
    with ExitStack() as stack:
        unfinished = [stack.enter_context(connect(appliance.url)) for _ in range(200)]
        for index, connection in enumerate(unfinished):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc"[: index % 30])
        assert client.get("/health").status_code == 200
        assert_stands(unfinished[-1])


def test_an_upload_may_be_cut_anywhere(client: httpx.Client, appliance: Appliance) -> None:
    """Sent byte by byte, with a file full of beginnings of its boundary, a recording arrives as it was."""
    recording = wav(b"\r\n--edg\r\n-" * 100)
    body = part("config", b'{"x": 1}', filename=None) + part("file", recording) + b"--edge--\r\n"
    with connect(appliance.url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("POST", EXTRACTION, f"Content-Type: {FORM}", body=body):
            connection.sendall(bytes([byte]))
        location = received(connection).headers["Location"].replace("localhost", appliance.url.removeprefix("http://"))
    (channel,) = ended(client, location)["result"]["channels"]  # type: ignore[index]
    found = voiceprint.decode(voiceprint.from_base64(channel["voiceprint"]))
    assert found.media_sha256 == hashlib.sha256(recording).digest()


def test_a_client_that_does_not_read_its_answer_hinders_nobody(client: httpx.Client, appliance: Appliance) -> None:
    """Errors of many megabytes that nobody collects are dropped with the connection."""
    body = b'{"voiceprints": [%s"@"]}' % (b'"@",' * 49_999)
    sent = request("POST", EXTRACTION.replace("extraction", "conversion"), "Content-Type: application/json", body=body)
    with connect(appliance.url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(sent)
        assert connection.recv(10)
        assert client.get("/health").status_code == 200


def test_the_http_process_is_still_the_same(client: httpx.Client, appliance: Appliance) -> None:
    """Nothing in this file made the supervisor replace it."""
    assert client.get("/health").status_code == 200
    os.kill(http_process(appliance), 0)
    assert not re.search("HTTP server .* started again", (appliance.data_dir / "up.log").read_text())


def test_a_stalled_upload_does_not_hold_up_the_end(start_appliance: Callable[..., Appliance]) -> None:
    """Ctrl-C ends the appliance without killing any part of it, and what had arrived of the upload is removed."""
    appliance = start_appliance()
    with connect(appliance.url) as connection:
        connection.sendall(HEAD)
        wait_for_partial(appliance, 1)
        appliance.process.send_signal(signal.SIGINT)
        assert appliance.process.wait(PATIENCE) == 0
    assert "is killed" not in (appliance.data_dir / "up.log").read_text()
    assert not stored(appliance.data_dir)
