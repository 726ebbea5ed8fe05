"""Requests as bytes, for what no HTTP client would send, and the shape that every refusal must have."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.patience import PATIENCE

FORM = "multipart/form-data; boundary=edge"
CORRELATION = "a caller's own id"


@dataclass(frozen=True)
class Answer:
    """What came back on a connection."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def part(name: str, content: bytes, *lines: str, filename: str | None = "a.wav") -> bytes:
    """A part of a form, up to the boundary that ends it."""
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return "\r\n".join(("--edge", disposition, *lines, "", "")).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--edge--\r\n"


def request(method: str, path: str, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    """A request whose Content-Length may lie."""
    declared = len(body) if length is None else length
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {declared}")
    return "\r\n".join((*lines, *headers, "", "")).encode() + body


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE)


def assert_stands(connection: socket.socket) -> None:
    """The server has neither closed it nor said anything: whoever was served beside it did not wait for its end."""
    connection.settimeout(0.05)
    with pytest.raises(TimeoutError):
        connection.recv(1)


def exchange(url: str, sent: bytes) -> Answer:
    """Sends bytes and reads until the other side closes."""
    with connect(url) as connection:
        connection.sendall(sent)
        return received(connection)


def received(connection: socket.socket) -> Answer:
    """The answer, once the other side has closed or sent as much as it announced."""
    read = b""
    while True:
        more = connection.recv(1 << 16)
        read += more
        head, ended, content = read.partition(b"\r\n\r\n")
        if not more or ended:
            status_line, _, fields = head.partition(b"\r\n")
            headers = httpx.Headers(list(BytesParser().parsebytes(fields, headersonly=True).items()))
            if not more or len(content) >= int(headers.get("Content-Length", 1 << 62)):
                return Answer(int(status_line.split()[1]) if status_line else 0, headers, content)


def assert_refused(
    answer: httpx.Response | Answer, status: int, kind: str, *details: tuple[tuple[str | int, ...], str]
) -> str:
    """The answer is the refusal `kind` with `details`, as (location, type), and nothing more; returns its message."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Correlation-Id"]
    assert answer.headers["X-Request-Id"]
    body = answer.json()
    assert set(body) == {"type", "message", "detail"}
    assert body["type"] == kind
    for detail in body["detail"]:
        assert set(detail) == {"location", "message", "type", "context"}
        assert isinstance(detail["context"], dict)
    assert [(tuple(detail["location"]), detail["type"]) for detail in body["detail"]] == list(details)
    assert isinstance(body["message"], str)
    assert body["message"]
    return body["message"]
