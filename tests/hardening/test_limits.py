"""What is too large, too much or too many is refused so that the client learns of it, and takes no room."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
import requests

from tests.conftest import CONVERSION, EXTRACTION, Appliance
from tests.hardening.conftest import GOOD, assert_nothing_kept, stored
from tests.hardening.wire import FORM, assert_refused, connect, part, received, request
from tests.made_keys import made_keys
from tests.patience import PATIENCE, until

Serve = Callable[..., Appliance]
MEGABYTE = 1_000_000


def chunked(path: str) -> bytes:
    """The head of an upload that does not tell its length, and of its file."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunk(part("file", b"").removesuffix(b"\r\n"))


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def upload(client: httpx.Client, size: int) -> httpx.Response:
    return client.post(EXTRACTION, files={"file": bytes(size)})


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 60 MB, most of it a hole."""
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.truncate(60 * MEGABYTE)
    return path


def test_a_file_may_be_as_large_as_the_limit_and_no_larger(serve: Serve) -> None:
    """One byte decides, however the request is framed."""
    with serve(single_file_upload_size=MEGABYTE).client() as client:
        assert upload(client, MEGABYTE).status_code == 202
        assert_refused(upload(client, MEGABYTE + 1), 413, "request.size-limit-exceeded")
        body = b'{"voiceprints": ["%s"]}' % (b"A" * MEGABYTE)
        assert_refused(client.post(CONVERSION, content=body), 413, "request.size-limit-exceeded")


def pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield part("file", b"").removesuffix(b"\r\n")
        yield from iter(lambda: file.read(MEGABYTE), b"")


def test_requests_learns_that_its_file_is_too_large(serve: Serve, large: Path) -> None:
    """A client that sends all before it listens still reads the 413, whether or not it told the length."""
    appliance = serve(single_file_upload_size=MEGABYTE)
    with large.open("rb") as file:
        told = requests.post(appliance.url + EXTRACTION, files={"file": file}, timeout=PATIENCE)
    untold = requests.post(
        appliance.url + EXTRACTION, data=pieces(large), headers={"Content-Type": FORM}, timeout=PATIENCE
    )
    for answer in (told, untold):
        assert answer.status_code == 413
        assert answer.json()["type"] == "request.size-limit-exceeded"
    assert not stored(appliance.data_dir)


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("header", ["X: x", "Expect:", "Transfer-Encoding: chunked"])
def test_curl_learns_that_its_file_is_too_large(serve: Serve, large: Path, header: str) -> None:
    """curl reads the 413, whether it waits to be told to go on, goes on at once, or does not tell the length."""
    appliance = serve(single_file_upload_size=MEGABYTE)
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--header", header, "--form", f"file=@{large}"]
    done = subprocess.run(
        [*command, "--write-out", "\n%{http_code}", appliance.url + EXTRACTION],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    assert status == "413", done.stderr
    assert json.loads(body)["type"] == "request.size-limit-exceeded"
    assert not stored(appliance.data_dir)


def test_early_refusals_reach_a_client_that_sends_on(serve: Serve, large: Path, tmp_path: Path) -> None:
    """A wrong parameter and a missing key are told to a client that sends 60 MB first."""
    (known,) = made_keys(tmp_path, "caller")
    appliance = serve()
    for query, key, status in (("", "", 401), ("?channel_mode=x", known, 422)):
        with large.open("rb") as file:
            answer: Any = requests.post(
                appliance.url + EXTRACTION + query, files={"file": file}, headers={"X-API-Key": key}, timeout=PATIENCE
            )
        assert_refused_with(answer, status)
    assert not stored(appliance.data_dir)


def assert_refused_with(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status
    assert set(answer.json()) == {"type", "message", "detail"}


def test_a_full_queue_takes_nothing(serve: Serve, large: Path) -> None:
    """The task after the last that may wait is 503 with Retry-After, and its upload is not kept."""
    appliance = serve(max_queue_length=2)
    with appliance.client() as client:
        waiting = [upload(client, 1000).json()["task"]["task_id"] for _ in range(2)]
        for answer in (upload(client, 1000), client.post(CONVERSION, json={"voiceprints": [GOOD]})):
            assert_refused(answer, 503, "service.overloaded")
            assert int(answer.headers["Retry-After"]) > 0
        with large.open("rb") as file:
            late = requests.post(appliance.url + EXTRACTION, files={"file": file}, timeout=PATIENCE)
        assert_refused_with(late, 503)
        assert sorted(path.name for path in stored(appliance.data_dir)) == sorted(waiting)
        assert [client.get(f"{EXTRACTION}/{task}").json()["task"]["state"] for task in waiting] == ["pending"] * 2


def test_a_full_input_storage_takes_nothing(serve: Serve) -> None:
    """What does not fit beside the uploads that wait is 507, with and without a length told."""
    appliance = serve(input_storage_size=3 * MEGABYTE)
    with appliance.client() as client:
        assert upload(client, 2 * MEGABYTE).status_code == 202
        assert_refused(upload(client, 2 * MEGABYTE), 507, "storage.capacity-exceeded")
        assert_refused(upload(client, 60 * MEGABYTE), 507, "storage.capacity-exceeded")
        with connect(appliance.url) as connection:
            connection.sendall(chunked(EXTRACTION) + chunk(bytes(2 * MEGABYTE)))
            assert_refused(received(connection), 507, "storage.capacity-exceeded")
        assert upload(client, MEGABYTE // 2).status_code == 202
    assert len(stored(appliance.data_dir)) == 2


def test_uploads_under_way_count_as_well(serve: Serve) -> None:
    """Of two that do not tell their length and fit only one at a time, the later is 507."""
    appliance = serve(input_storage_size=3 * MEGABYTE)
    with connect(appliance.url) as first, connect(appliance.url) as second:
        first.sendall(chunked(EXTRACTION) + chunk(bytes(MEGABYTE * 5 // 2)))
        until(lambda: sum(path.stat().st_size for path in stored(appliance.data_dir)) > MEGABYTE * 3 // 2)
        second.sendall(chunked(EXTRACTION) + chunk(bytes(2 * MEGABYTE)))
        assert_refused(received(second), 507, "storage.capacity-exceeded")
        first.sendall(chunk(b"\r\n--edge--\r\n") + chunk(b""))
        assert received(first).status_code == 202
    assert len(stored(appliance.data_dir)) == 1


def test_a_full_disk_takes_nothing(serve: Serve) -> None:
    """With less free space than is to be kept, every submission is 507, and /ready says why."""
    with serve(minimum_free_space=10**18).client() as client:
        assert_refused(upload(client, 1000), 507, "storage.capacity-exceeded")
        assert_refused(client.post(CONVERSION, json={"voiceprints": [GOOD]}), 507, "storage.capacity-exceeded")
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert "full" in answer.json()["checks"]["store"]["message"]
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("sent", [b"", part("file", bytes(1000))], ids=["nothing", "a part"])
def test_an_upload_has_a_time_limit(serve: Serve, sent: bytes) -> None:
    """A client that stalls is told 408, and nothing is kept of what it sent."""
    appliance = serve(single_file_upload_timeout=3)
    with connect(appliance.url) as connection:
        connection.sendall(request("POST", EXTRACTION, f"Content-Type: {FORM}", body=sent, length=MEGABYTE))
        assert_refused(received(connection), 408, "request.timeout")
    with appliance.client() as client:
        assert upload(client, 1000).status_code == 202
    assert len(stored(appliance.data_dir)) == 1


def test_a_trickle_is_no_way_around_the_time_limit(serve: Serve) -> None:
    """What keeps arriving, a few bytes at a time, ends at the same limit."""
    appliance = serve(single_file_upload_timeout=0.5)
    with connect(appliance.url) as connection:
        connection.sendall(chunked(EXTRACTION))
        connection.settimeout(0.02)
        for _ in range(5000):
            connection.sendall(chunk(b"x"))
            try:
                if connection.recv(1, socket.MSG_PEEK):
                    break
            except TimeoutError:
                continue
        connection.settimeout(PATIENCE)
        assert_refused(received(connection), 408, "request.timeout")
    assert_nothing_kept(appliance.data_dir)
