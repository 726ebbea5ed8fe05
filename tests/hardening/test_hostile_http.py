"""Requests that are meant to confuse whoever reads them, and clients that are meant to wear the server out."""

import re
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from appliance.port.crowd import MOST_CONNECTIONS, SHARES
from tests.conftest import CONVERSION, EXTRACTION, Appliance
from tests.hardening.conftest import GOOD, assert_nothing_kept
from tests.hardening.wire import (
    FORM,
    Answer,
    assert_refused,
    assert_stands,
    connect,
    exchange,
    form,
    part,
    received,
    request,
)
from tests.patience import PATIENCE

Serve = Callable[..., Appliance]
HOST = b"Host: localhost\r\nConnection: close\r\n"
DOCUMENT = b'{"voiceprints": ["%s"]}' % GOOD.encode()


def post(*lines: bytes, body: bytes = DOCUMENT, path: str = CONVERSION, version: bytes = b"1.1") -> bytes:
    first = b"POST %s HTTP/%s\r\n" % (path.encode(), version)
    typed = b"Content-Type: application/json\r\n"
    return first + HOST + typed + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def get(path: bytes = b"/health", *lines: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\n" % path + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(DOCUMENT)
CHUNK = b"%x" % len(DOCUMENT)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(post(CHUNKED, LENGTH, body=b"0\r\n\r\nGET /health HTTP/1.1\r\n\r\n"), id="chunked and a length"),
        pytest.param(post(LENGTH, CHUNKED, body=b"0\r\n\r\n"), id="a length and chunked"),
        pytest.param(post(LENGTH, LENGTH), id="one length twice"),
        pytest.param(post(LENGTH + b", " + LENGTH[16:]), id="a list of lengths"),
        pytest.param(post(b"Content-Length: +5"), id="a length with a sign"),
        pytest.param(post(b"Content-Length: 0x10"), id="a length in hexadecimal"),
        pytest.param(post(b"Content-Length: " + b"9" * 40), id="a length of forty digits"),
        pytest.param(post(CHUNKED + b", identity", body=b"0\r\n\r\n"), id="chunked is not the last"),
        pytest.param(post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), id="a coding that is none"),
        pytest.param(post(CHUNKED, b"Transfer-Encoding: identity", body=b"0\r\n\r\n"), id="two codings"),
        pytest.param(post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), id="a blank before the colon"),
        pytest.param(post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), id="a control character"),
        pytest.param(post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n"), id="a chunk below zero"),
        pytest.param(post(CHUNKED, body=b"F" * 20 + b"\r\n{}\r\n0\r\n\r\n"), id="a chunk of twenty digits"),
        pytest.param(post(CHUNKED, body=b"\r\n{}\r\n0\r\n\r\n"), id="a chunk without a size"),
        pytest.param(post(CHUNKED, body=b"2;\n{}\r\n0\r\n\r\n"), id="a chunk's line that ends early"),
        pytest.param(post(CHUNKED, body=b"2\r\n{}XX0\r\n\r\n"), id="a chunk longer than its size"),
        pytest.param(get(b"/health", b"X-A: a\r\n b"), id="a folded header"),
        pytest.param(get(b"/health", b"X-A: a\rX-B: b"), id="a carriage return alone"),
        pytest.param(get(b"/health", b": a"), id="a header without a name"),
        pytest.param(b"GET /health HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n", id="a blank after the first line"),
        pytest.param(b"GET /health HTTP/1.1\nHost: localhost\n\n", id="line feeds alone"),
    ],
)
@pytest.mark.usefixtures("client")
def test_a_request_that_two_readers_might_read_differently(appliance: Appliance, sent: bytes) -> None:
    """It is refused as a whole, and nothing behind it on the connection is taken for another."""
    with connect(appliance.url) as connection:
        connection.sendall(sent)
        read = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert re.findall(rb"HTTP/1\.[01] (\d+)", read) == [b"400"]
    assert b'"request.invalid"' in read


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"deflate, chunked", b"chunked, chunked"])
@pytest.mark.usefixtures("client")
def test_no_transfer_encoding_unpacks(appliance: Appliance, coding: bytes) -> None:
    """What is coded for the way is not decoded here, so it is not taken."""
    answer = exchange(appliance.url, post(b"Transfer-Encoding: " + coding, body=b"2\r\n{}\r\n0\r\n\r\n"))
    assert answer.status_code in {400, 415}
    assert_refused(answer, answer.status_code, answer.json()["type"])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"%s;%s\r\n%s\r\n0\r\n\r\n" % (CHUNK, b"a" * 100_000, DOCUMENT), id="a long extension"),
        pytest.param(b"%s%s\r\n%s\r\n0\r\n\r\n" % (b"0" * 5000, CHUNK, DOCUMENT), id="zeros before a size"),
        pytest.param(b"%s\r\n%s\r\n0\r\nX-A: b\r\n\r\n" % (CHUNK, DOCUMENT), id="a trailer"),
        pytest.param(b"".join(b"1\r\n%c\r\n" % byte for byte in DOCUMENT) + b"0\r\n\r\n", id="chunks of one byte"),
    ],
)
@pytest.mark.usefixtures("client")
def test_a_request_may_be_chunked_oddly(appliance: Appliance, body: bytes) -> None:
    """What has one meaning is understood."""
    assert exchange(appliance.url, post(CHUNKED, body=body)).status_code == 202


@pytest.mark.usefixtures("client")
def test_trailers_are_bounded(appliance: Appliance) -> None:
    """Headers behind the body are no way around the limit of those before it."""
    sent = post(CHUNKED, body=b"0\r\n" + b"X-A: b\r\n" * 2000 + b"\r\n")
    assert exchange(appliance.url, sent).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        b"/api/../../../../etc/passwd",
        b"/docs/..%2f..%2f..%2fetc%2fpasswd",
        b"/docs/%2e%2e/%2e%2e/etc/passwd",
        b"/docs/..\\..\\etc\\passwd",
        b"/docs/%00.js",
        b"/docs/%c0%ae%c0%ae/etc/passwd",
        b"/docs//etc/passwd",
        b"//evil.example/health",
        b"/health;a=b/../x",
        EXTRACTION.encode() + b"/../../system/info/%2e%2e",
        EXTRACTION.encode() + b"/..%2f..%2fstore",
    ],
)
@pytest.mark.usefixtures("client")
def test_a_path_leads_nowhere_else(appliance: Appliance, path: bytes) -> None:
    """Dots, slashes and zeros in a path, in whatever spelling, lead to nothing."""
    answer = exchange(appliance.url, get(path))
    assert_refused(answer, 404, "resource.not-found")
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(get(b"/health", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), id="upgrade to HTTP/2"),
        pytest.param(get(b"/health", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"), id="upgrade to WebSocket"),
        pytest.param(get(b"/openapi.json", b"Range: bytes=" + b"0-1," * 1500 + b"5-6"), id="a thousand ranges"),
        pytest.param(get(b"/docs/swagger-ui.css", b"Range: bytes=99999999999999999999-1"), id="a range beyond"),
        pytest.param(get(b"/health", b"Cookie: " + b'a="\\' * 1500), id="broken cookies"),
        pytest.param(
            get(b"/docs/swagger-ui.css", b"If-Modified-Since: no", b'If-None-Match: "'), id="broken conditions"
        ),
        pytest.param(get(b"/health", b"Accept-Encoding: " + b"gzip;q=x," * 800), id="a thousand encodings"),
        pytest.param(get(b"/health?" + b"a=b&" * 1900), id="a thousand parameters"),
        pytest.param(get(b"http://localhost/health"), id="a whole address"),
        pytest.param(b"\r\n" * 5000 + get(), id="empty lines first"),
    ],
)
@pytest.mark.usefixtures("client")
def test_what_is_of_no_use_here_does_no_harm(appliance: Appliance, sent: bytes) -> None:
    """It is answered as if it had not been there."""
    assert exchange(appliance.url, sent).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"voiceprints": [%s]}' % (b"9" * 1_000_000), 400, id="a number of a million digits"),
        pytest.param(b'{"voiceprints": [1e400]}', 400, id="a number beyond all"),
        pytest.param(b'{"voiceprints": [-0, -1e-5000]}', 422, id="numbers below all"),
        pytest.param(b"{%s}" % b",".join(b'"%d": 0' % key for key in range(400_000)), 422, id="400,000 keys"),
        pytest.param(b'{"voiceprints": ["%s"]}' % (b"\\u0000" * 100_000), 422, id="zeros"),
        pytest.param(b'{"%s": 1}' % (b"k" * 1_000_000), 422, id="a key of a million letters"),
    ],
)
def test_numbers_and_names_without_end(client: httpx.Client, body: bytes, status: int) -> None:
    """A document may hold them, and is refused for what it is."""
    answer = client.post(CONVERSION, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert len(answer.content) < 10_000


def test_a_thousand_requests_at_once(appliance: Appliance) -> None:
    """Sent without waiting, on one connection, each is answered in its turn."""
    with connect(appliance.url) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 999 + get())
        read = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert read.count(b"HTTP/1.1 200 ") == 1000


@pytest.mark.usefixtures("client")
def test_headers_of_a_part_are_bounded_together(appliance: Appliance) -> None:
    """Each of them short enough, and together too many."""
    lines = [f"X-{number}: {'x' * 8000}" for number in range(500)]
    answer = exchange(
        appliance.url, request("POST", EXTRACTION, f"Content-Type: {FORM}", body=form(part("file", b"", *lines)))
    )
    assert_refused(answer, 400, "request.invalid")


@contextmanager
def standing(appliance: Appliance, count: int, addresses: int) -> Iterator[list[socket.socket]]:
    """Connections from several addresses of this machine, on which nothing comes, or the beginning of a request."""
    beginnings = (
        b"",
        b"GET /hea",
        b"GET /health HTTP/1.1\r\nHost: local",
        b"POST %s HTTP/1.1\r\n" % CONVERSION.encode(),
    )
    place = urlsplit(appliance.url)
    with ExitStack() as stack:
        opened = []
        for number in range(count):
            source = (f"127.0.1.{number % addresses + 1}", 0)
            target = (place.hostname, place.port)
            connection = stack.enter_context(socket.create_connection(target, PATIENCE, source))
            connection.sendall(beginnings[number % len(beginnings)])
            opened.append(connection)
        yield opened


@pytest.fixture
def many_files() -> Iterator[int]:
    """How many connections this test may open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + 1500
    allowed = max(before[0], min(before[1], wanted)) if before[1] != resource.RLIM_INFINITY else wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, before[1]))
    yield min(MOST_CONNECTIONS + 1000, allowed - 300)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("addresses", [1, 20])
def test_thousands_of_idle_connections(serve: Serve, many_files: int, addresses: int) -> None:
    """Of one address or of many: they use up no files, and clients that ask are answered, those of that address too."""
    appliance = serve()
    files = Path(f"/proc/{appliance.process.pid}/fd")
    with standing(appliance, many_files, addresses) as opened, appliance.client() as client:
        for _ in range(20):
            assert client.get("/health").is_success
        neighbour = httpx.HTTPTransport(local_address="127.0.1.1")
        with httpx.Client(base_url=appliance.url, transport=neighbour) as other:
            assert other.post(CONVERSION, json={"voiceprints": [GOOD]}).status_code == 202
        held = sum(1 for _ in files.iterdir())
        assert held < (MOST_CONNECTIONS if addresses > 1 else MOST_CONNECTIONS // SHARES) + 256
        # Whoever came last is still there.
        assert_stands(opened[-1])


def test_uploads_that_trickle_from_one_address(serve: Serve) -> None:
    """They have its places until their time is up; others are served, and then nothing of them is left."""
    appliance = serve(single_file_upload_timeout=3)
    head = request("POST", EXTRACTION, f"Content-Type: {FORM}", body=part("file", bytes(10)), length=1000)
    with ExitStack() as stack, appliance.client() as client:
        opened = [stack.enter_context(connect(appliance.url)) for _ in range(200)]
        for connection in opened:
            connection.sendall(head)
        assert client.get("/health").is_success
        answers: list[Answer] = [received(connection) for connection in opened]
        assert {answer.status_code for answer in answers} == {408}
    assert_nothing_kept(appliance.data_dir)
