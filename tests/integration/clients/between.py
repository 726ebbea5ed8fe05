"""A small HTTP server that stands before a real appliance and does what that cannot be made to: it loses answers, cuts
connections, and is busy."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx


@dataclass
class Seen:
    """A request that came, and what the appliance answered, if it was asked."""

    method: str
    path: str
    headers: dict[str, str]
    answer: httpx.Response | None = None


@dataclass
class Between:
    """`plan` says what becomes of the next requests, each in turn, and after it all are passed on:

    "pass" them, "lose" the appliance's answer, "cut" it in the middle, or an answer of its own: status, headers, body.
    `always` is asked about those for which nothing is planned.
    """

    to: str
    plan: list[str | tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    always: Callable[[Seen], str | tuple[int, dict[str, str], bytes]] = lambda _: "pass"
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(between: Between) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _taken(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                return
            seen = Seen(self.command, self.path, dict(self.headers.items()))
            between.seen.append(seen)
            fate = between.plan.pop(0) if between.plan else between.always(seen)
            if not isinstance(fate, str):
                self._answer(*fate)
                return
            passed = {name: value for name, value in seen.headers.items() if name not in {"Host", "Connection"}}
            seen.answer = httpx.request(
                self.command, between.to + self.path, content=body, headers=passed, timeout=60, trust_env=False
            )
            if fate != "lose":
                half = len(seen.answer.content) // 2 if fate == "cut" else None
                self._answer(seen.answer.status_code, dict(seen.answer.headers), seen.answer.content, half)

        def _answer(self, status: int, headers: dict[str, str], body: bytes, half: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:half])

        do_GET = do_POST = do_DELETE = _taken  # noqa: N815  # as the standard library calls them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
