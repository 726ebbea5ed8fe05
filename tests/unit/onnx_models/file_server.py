"""A real HTTP server for downloads that does as it is told, also what no server should do."""

import re
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What a client asked for; names of headers in lower case."""

    target: str
    headers: Mapping[str, str]

    @property
    def first_byte(self) -> int:
        """Where the range that is asked for begins."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


# The bytes of an answer; the connection is closed after the last piece.
Answer = Callable[[Request], Iterable[bytes]]


@dataclass
class FileServer:
    """`answer` may be exchanged at any time; `requests` and `sent`, the bytes after the headers, are what happened."""

    answer: Answer
    address: str = ""
    requests: list[Request] = field(default_factory=list)
    sent: int = 0


def head(status: str, **headers: object) -> bytes:
    """The beginning of an answer; `_` in the names of headers stands for `-`."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def serves(content: bytes, *, tag: str | None = '"1"', cut_after: int | None = None, ranges: bool = True) -> Answer:
    """As a good server answers; with `cut_after` it closes the connection after so many bytes of the file."""

    def answer(request: Request) -> Iterator[bytes]:
        first = request.first_byte if ranges else 0
        if "if-range" in request.headers and request.headers["if-range"] != tag:
            first = 0
        known = {} if tag is None else {"ETag": tag}
        rest = content[first:]
        if first:
            scope = f"bytes {first}-{len(content) - 1}/{len(content)}"
            yield head("206 Partial Content", Content_Length=len(rest), Content_Range=scope, **known)
        else:
            yield head("200 OK", Content_Length=len(rest), **known)
        yield rest if cut_after is None else rest[:cut_after]

    return answer


def says(status: str, body: bytes = b"", **headers: object) -> Answer:
    """Always the same answer."""
    return lambda _: [head(status, **{"Content_Length": len(body), **headers}), body]


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other, the last one for ever."""
    left = list(answers)

    def answer(request: Request) -> Iterable[bytes]:
        return (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


@contextmanager
def file_server(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """A running server on a free port of 127.0.0.1; its `address` ends in /network.onnx."""
    shown = FileServer(answer)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                lines = [self.rfile.readline().decode("latin-1").strip()]
                while lines[-1]:
                    lines.append(self.rfile.readline().decode("latin-1").strip())
                if lines[0].count(" ") != 2:
                    return
                headers = (line.partition(":") for line in lines[1:-1])
                request = Request(
                    lines[0].split()[1], {name.strip().lower(): value.strip() for name, _, value in headers}
                )
                shown.requests.append(request)
                for number, piece in enumerate(shown.answer(request)):
                    self.wfile.write(piece)
                    shown.sent += len(piece) if number else 0

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def get_request(self) -> tuple[object, object]:
            connection, client = super().get_request()
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), client

        def handle_error(self, *_: object) -> None:
            return

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            shown.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/network.onnx"
            yield shown
        finally:
            server.shutdown()
            thread.join()


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bytes: list[tuple[int, int]] = []

    def said(self, line: str) -> None:
        self.lines.append(line)

    def received(self, done: int, total: int) -> None:
        self.bytes.append((done, total))
