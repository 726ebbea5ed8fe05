"""A receiver of callbacks on loopback, which answers as it is told to and keeps what it got."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.patience import PATIENCE


@dataclass(frozen=True)
class Call:
    """One request, as it arrived."""

    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def task_id(self) -> str:
        return str(self.headers["webhook-id"])


@dataclass(frozen=True)
class Answer:
    """What is answered: nothing at all for status 0, and only once `held` is set when there is one."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    held: threading.Event | None = None


class Receiver:
    """The server's address, and the calls that it got. `answer` decides by the call and how many came before it."""

    def __init__(self, url: str, answer: Callable[[Call, int], Answer]) -> None:
        self.url = url
        self.calls: list[Call] = []
        self._answer = answer
        self._called = threading.Condition()

    def take(self, call: Call) -> Answer:
        with self._called:
            self.calls.append(call)
            self._called.notify_all()
            return self._answer(call, len(self.calls) - 1)

    def got(self, calls: int, seconds: float = PATIENCE) -> list[Call]:
        """The calls, once there are so many of them."""
        with self._called:
            enough = self._called.wait_for(lambda: len(self.calls) >= calls, seconds)
        assert enough, f"{len(self.calls)} of {calls} calls came within {seconds} s"
        return list(self.calls)

    def silent(self, seconds: float = 1.0) -> None:
        """Nothing comes that has not come."""
        before = len(self.calls)
        time.sleep(seconds)
        assert len(self.calls) == before, self.calls[before:]


@contextmanager
def receiving(
    answer: Answer | Callable[[Call, int], Answer] | None = None,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    """A receiver that always gives `answer`, or what `answer` says, by default 204."""
    decide = answer if callable(answer) else lambda *_: answer or Answer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "receiver"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            given = receiver.take(Call(self.path, dict(self.headers.items()), content))
            if given.held is not None:
                given.held.wait(PATIENCE)
            self.close_connection = True
            if given.status:
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(given.content)))
                self.end_headers()
                self.wfile.write(given.content)

        def handle(self) -> None:
            # A sender may leave at any time.
            try:
                super().handle()
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass

    with Server((host, port), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https" if tls else "http"
        receiver = Receiver(f"{scheme}://{host}:{server.server_address[1]}", decide)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
