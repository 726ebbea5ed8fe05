"""Addresses at which there is nothing, methods that are not possible, bytes that are not HTTP."""

import re

import httpx
import pytest

from tests.conftest import CONVERSION, EXTRACTION, Appliance
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused, connect, exchange, received, request

UNKNOWN = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"


@pytest.mark.parametrize(
    "task_id",
    [
        UNKNOWN,
        UNKNOWN.upper(),
        "not-a-uuid",
        UNKNOWN + "0",
        UNKNOWN + "%0A",
        "0",
        "-1",
        "%00",
        "%FF%FE",
        "%C3%A4",
        "..",
        "%2E%2E",
        "..%2F..%2F..%2Fetc%2Fpasswd",
        "*",
        "a" * 7000,
    ],
    ids=lambda task_id: task_id[:40],
)
@pytest.mark.parametrize("technology", [EXTRACTION, CONVERSION])
def test_a_task_that_is_not_there_is_not_found(appliance: Appliance, technology: str, task_id: str) -> None:
    """Unknown, malformed or hostile, an id without a task is 404."""
    answer = exchange(appliance.url, request("GET", f"{technology}/{task_id}"))
    assert_refused(answer, 404, "resource.not-found")


def test_a_task_belongs_to_its_technology(client: httpx.Client) -> None:
    """The id of a conversion is unknown to the extraction, and to a technology that does not exist."""
    task_id = client.post(CONVERSION, json={"voiceprints": [GOOD]}).json()["task"]["task_id"]
    assert client.get(f"{CONVERSION}/{task_id}").status_code == 200
    assert_refused(client.get(f"{EXTRACTION}/{task_id}"), 404, "resource.not-found")
    assert_refused(client.get(f"/api/technology/telepathy/{task_id}"), 404, "resource.not-found")


def test_a_task_id_is_found_however_it_is_written(client: httpx.Client) -> None:
    """A UUID does not depend on capitals, and the answer has the id as it was given out."""
    task_id = client.post(CONVERSION, json={"voiceprints": [GOOD]}).json()["task"]["task_id"]
    answer = client.get(f"{CONVERSION}/{task_id.upper()}")
    assert answer.status_code == 200
    assert answer.json()["task"]["task_id"] == task_id


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/technology",
        "/api/technology/telepathy",
        "/health/",
        "//health",
        "/HEALTH",
        "/health%0A2026-01-01%20INFO%20forged",
        "/api/system/info/",
        f"{EXTRACTION}/",
        f"{EXTRACTION}/{UNKNOWN}/",
        f"{EXTRACTION}/../{UNKNOWN}",
        "/api/technology/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/.git/config",
        "/" + "a" * 7000,
    ],
    ids=lambda path: path[:40],
)
def test_an_address_without_anything_is_not_found(appliance: Appliance, path: str) -> None:
    """Nothing is guessed: another slash, capital or dot is another address."""
    assert_refused(exchange(appliance.url, request("GET", path)), 404, "resource.not-found")


def test_a_browser_lands_on_the_page(client: httpx.Client) -> None:
    """Relative, for proxies that put the appliance under a path; other methods find nothing there."""
    for method in ("GET", "HEAD"):
        answer = client.request(method, "/docs/")
        assert (answer.status_code, answer.headers["Location"], answer.content) == (307, "../docs", b"")
    landed = client.get("/docs/", follow_redirects=True)
    assert (landed.url.path, landed.status_code) == ("/docs", 200)
    assert_refused(client.post("/docs/"), 404, "resource.not-found")


def test_an_unknown_technology_takes_nothing(client: httpx.Client) -> None:
    """A submission to it is 404, with its body read to the end."""
    answer = client.post("/api/technology/telepathy", content=b"x" * 1_000_000)
    assert_refused(answer, 404, "resource.not-found")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/health", "GET, HEAD"),
        ("/ready", "GET, HEAD"),
        ("/api/system/info", "GET, HEAD"),
        ("/api/system/status", "GET, HEAD"),
        (f"{EXTRACTION}/{UNKNOWN}", "DELETE, GET, HEAD"),
        (EXTRACTION, "POST"),
        (CONVERSION, "POST"),
    ],
)
def test_a_method_that_is_not_possible_names_those_that_are(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    """405 with `Allow`, everywhere."""
    if method not in allowed:
        answer = client.request(method, path)
        assert_refused(answer, 405, "method.invalid")
        assert answer.headers["Allow"] == allowed


def test_head_answers_as_get_without_a_body(client: httpx.Client) -> None:
    """Status and headers of a HEAD are those of the GET, also of one that is refused."""
    for path, status in (("/health", 200), (f"{EXTRACTION}/{UNKNOWN}", 404), (EXTRACTION, 405)):
        answer = client.head(path)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/json"
        assert not answer.content


@pytest.mark.parametrize(
    "sent",
    [
        b"HELLO\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Correlation-Id: a\x0bb\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1_0\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: miracles\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:20]) + str(len(sent)),
)
@pytest.mark.usefixtures("client")
def test_what_is_not_http_is_refused_in_the_same_shape(appliance: Appliance, sent: bytes) -> None:
    """Also what never becomes a request is answered with the error body, 400, and the ids."""
    answer = exchange(appliance.url, sent)
    message = assert_refused(answer, 400, "request.invalid")
    assert answer.headers["Server"] == "voiceprint"
    assert "\n" not in message


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 is not spoken here, but HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), "HTTPS is not spoken here"),
        (b"HELLO\r\n\r\n", "its first line is not of the form 'GET /health HTTP/1.1'"),
        (b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n", "its first line is not of the form"),
        (b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", "its first line is not of the form"),
        (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", "its address is none"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", "longer than 8190 bytes"),
        (b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", "longer than 8190 bytes"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 1000 + b"\r\n", "too many headers"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\n\r\n", "Expect: 100-continue"),
    ],
    ids=lambda value: repr(value[:20]),
)
@pytest.mark.usefixtures("client")
def test_what_is_not_http_is_told_in_words(appliance: Appliance, sent: bytes, words: str) -> None:
    """And without what was sent."""
    with connect(appliance.url) as connection:
        connection.sendall(sent)
        message = assert_refused(received(connection), 400, "request.invalid")
    assert words in message
    assert "xxx" not in message


def test_a_query_that_is_not_text_is_no_fault(client: httpx.Client) -> None:
    """Unknown query keys, of whatever bytes, are ignored."""
    assert client.get("/health?%FF=%FE&&=&a=1&a=2").status_code == 200


def test_a_refused_request_does_not_take_the_next_with_it(appliance: Appliance) -> None:
    """Of two requests sent at once, the first is refused and the second answered."""
    refused = f"GET {EXTRACTION}/{UNKNOWN} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with connect(appliance.url) as connection:
        connection.sendall(refused + request("GET", "/health"))
        read = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", read) == [b"404", b"200"]
