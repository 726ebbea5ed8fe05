"""A Qdrant of the tests' own: the local mode of its client, in memory, behind as much of the server's REST interface as
is used here. The real server is no package of PyPI."""

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client.http import models as wire


class Qdrant:
    """The engine, and what clients have said to be let in."""

    def __init__(self) -> None:
        self.engine = QdrantClient(":memory:", force_disable_check_same_thread=True)
        self.keys: set[str | None] = set()
        self.port = 0
        self._lock = threading.Lock()

    def answer(self, method: str, path: list[str], body: Any) -> Any:
        with self._lock, warnings.catch_warnings():
            # Of an index of payloads the local mode says that it has no effect.
            warnings.simplefilter("ignore", UserWarning)
            return self._answer(method, path, body)

    def _answer(self, method: str, path: list[str], body: Any) -> Any:
        _, name, *rest = path
        engine = self.engine
        served: dict[tuple[str, ...], Callable[[], Any]] = {
            ("GET", "exists"): lambda: {"exists": engine.collection_exists(name)},
            ("GET",): lambda: engine.get_collection(name),
            ("PUT",): lambda: engine.create_collection(name, wire.CreateCollection.model_validate(body).vectors),
            ("PUT", "index"): lambda: engine.create_payload_index(name, body["field_name"], body["field_schema"]),
            ("PUT", "points"): lambda: engine.upsert(name, wire.PointsBatch.model_validate(body).batch),
            ("POST", "points", "count"): lambda: engine.count(name, wire.CountRequest.model_validate(body).filter),
            ("POST", "points", "scroll"): lambda: self._scrolled(name, wire.ScrollRequest.model_validate(body)),
        }
        return served[method, *rest]()

    def _scrolled(self, name: str, asked: wire.ScrollRequest) -> Any:
        points, offset = self.engine.scroll(
            name, asked.filter, limit=asked.limit or 10, with_payload=asked.with_payload or False
        )
        return {"points": points, "next_page_offset": offset}


@contextmanager
def serving() -> Iterator[Qdrant]:
    """Served on a free port of this machine."""
    served = Qdrant()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            served.keys.add(self.headers.get("api-key"))
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0].strip("/").split("/")
            try:
                result = served.answer(self.command, path, body)
                status, told = 200, {"status": "ok", "time": 0, "result": result}
            except ValueError as error:
                status, told = 400, {"status": {"error": str(error)}, "time": 0}
            content = json.dumps(told, default=lambda one: json.loads(one.model_dump_json())).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
