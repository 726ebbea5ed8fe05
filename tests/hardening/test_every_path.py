"""Every path of the appliance, and every refusal that it can meet: one shape, with the caller's ids, and no other."""

import asyncio
import re
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from appliance.app import create_app
from appliance.settings import Settings
from schemas.representations import ARROW, NDJSON
from schemas.technologies import Technology, technologies
from tasks.store import TaskStore
from tests.conftest import API, CONVERSION, EXTRACTION, Appliance
from tests.hardening.conftest import GOOD, stored
from tests.hardening.wire import FORM, Answer, assert_refused, connect, exchange, form, part, received, request
from tests.unit.tasks.made_tasks import claimed, submitted

Serve = Callable[..., Appliance]
IDS = {"X-Correlation-Id": "call 4711", "X-Request-Id": "request 12/a"}
UNKNOWN = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"
ODD = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "LOCK", "REPORT")
ABLE = {name: declared for name, declared in technologies().items() if declared.missing is None}
# For age no head is shipped, and the shared appliance's workers say so.
HERE = {name: declared for name, declared in ABLE.items() if declared.head != "age"}
MEGABYTE = 1_000_000
_FILLED = {"technology": EXTRACTION.rpartition("/")[2], "task_id": UNKNOWN}


def _paths() -> dict[str, str]:
    """Every path that is served, filled in, with the value of its `Allow`."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings.model_validate({"data_dir": folder, "redis_url": "redis://127.0.0.1:1"}))
    methods: dict[str, set[str]] = {}
    for route in app.router.routes():
        assert route.resource is not None
        path = re.sub(r"{(\w+)}", lambda part: _FILLED.get(part[1], "x"), route.resource.canonical)
        methods.setdefault(path, set()).add(route.method)
    return {path: ", ".join(sorted(known)) for path, known in methods.items()}


PATHS = _paths()


@pytest.fixture
def asking(client: httpx.Client) -> httpx.Client:
    """A client of the shared appliance that sends ids of its own."""
    client.headers.update(IDS)
    return client


def refused(answer: httpx.Response | Answer, status: int, kind: str, *, retry: bool = False) -> None:
    """The pinned shape with nothing beside it, and the caller's ids."""
    body = answer.json()
    details = [(tuple(detail["location"]), detail["type"]) for detail in body["detail"]]
    assert_refused(answer, status, kind, *details)
    assert {name: answer.headers[name] for name in IDS} == IDS
    assert ("Retry-After" in answer.headers) == retry
    if retry:
        assert int(answer.headers["Retry-After"]) > 0


def body_of(technology: Technology, size: int = 0) -> dict[str, object]:
    """A request that is well formed as far as it is looked at before its content; the file of `size` bytes."""
    if technology.streams:
        return {"content": b" " * size + b"[]", "headers": {"Content-Type": NDJSON}}
    if technology.document is None:
        return {"content": form(part("file", bytes(size))), "headers": {"Content-Type": FORM}}
    return {"content": b" " * size + b"{}", "headers": {"Content-Type": "application/json"}}


def post(client: httpx.Client, name: str, sent: Mapping[str, object], path: str = "") -> httpx.Response:
    return client.post(f"{API}/{name}{path}", **sent)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_is_not_possible(asking: httpx.Client, path: str) -> None:
    """405 names all methods that are."""
    for method in set(ODD) - set(PATHS[path].split(", ")):
        answer = asking.request(method, path)
        refused(answer, 405, "method.invalid")
        assert answer.headers["Allow"] == PATHS[path]


@pytest.mark.parametrize("method", ["FETCH", "get", "X-OWN", "BREW"])
@pytest.mark.usefixtures("client")
def test_a_method_that_is_made_up(appliance: Appliance, method: str) -> None:
    """Also 405, in the same shape; reading ends at the method, so all that are possible anywhere are named."""
    for path in (*PATHS, "/nowhere"):
        answer = exchange(appliance.url, request(method, path))
        assert_refused(answer, 405, "method.invalid")
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, POST"


def test_every_method_there_is_is_named() -> None:
    """What is told of a method that is made up is true."""
    assert {method for allowed in PATHS.values() for method in allowed.split(", ")} == {"DELETE", "GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api", f"{API}/telepathy", f"{API}/", f"{EXTRACTION}/a/b", "/api/system"]
)
def test_a_path_that_is_not_there(asking: httpx.Client, path: str) -> None:
    """404 whatever is asked of it."""
    for method in ODD:
        refused(asking.request(method, path), 404, "resource.not-found")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_task_that_is_not_there(asking: httpx.Client, method: str) -> None:
    """404 for every technology, also one that does not exist or cannot be done here."""
    for name in (*technologies(), "telepathy"):
        refused(asking.request(method, f"{API}/{name}/{UNKNOWN}"), 404, "resource.not-found")


@pytest.mark.parametrize("name", HERE)
def test_a_body_of_another_kind(asking: httpx.Client, name: str) -> None:
    """415 for another content type and for any Content-Encoding, empty or not."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "x"):
        for content in (b"", b"{}"):
            answer = post(asking, name, {"content": content, "headers": {"Content-Type": content_type}})
            refused(answer, 415, "request.unsupported-media")
    for encoding in ("gzip", "deflate", "br", "zstd", "x"):
        sent = body_of(ABLE[name])
        sent["headers"] = {**sent["headers"], "Content-Encoding": encoding}  # type: ignore[dict-item]
        refused(post(asking, name, sent), 415, "request.unsupported-media")


@pytest.mark.parametrize("name", HERE)
def test_a_body_that_cannot_be_parsed(asking: httpx.Client, name: str) -> None:
    """400 for what is no form, no JSON or no Arrow, 422 for one without what is needed."""
    document, stream = ABLE[name].document is not None, bool(ABLE[name].streams)
    kind = {"Content-Type": ARROW if stream else "application/json" if document else FORM}
    refused(post(asking, name, {"content": b"--edge\r\nno form", "headers": kind}), 400, "request.invalid")
    empty = b"" if stream else b"{}" if document else form(part("other", b"x"))
    refused(post(asking, name, {"content": empty, "headers": kind}), 422, "request.validation-error")


@pytest.mark.parametrize("name", technologies())
def test_a_parameter_that_is_none(asking: httpx.Client, name: str) -> None:
    """422 before the body is looked at, located where it came from."""
    answer = post(asking, name, {"content": b"x"}, "?callback_url=here")
    refused(answer, 422, "request.validation-error")
    assert answer.json()["detail"][0]["location"] == ["query", "callback_url"]


@pytest.mark.parametrize("name", sorted(technologies().keys() - HERE.keys()))
def test_what_cannot_be_done_here(asking: httpx.Client, name: str) -> None:
    """501 for a technology that is declared only, and for one without its head, whatever is sent to it."""
    refused(post(asking, name, {"content": b"x"}), 501, "technology.unavailable")


def test_bytes_that_are_no_request(appliance: Appliance) -> None:
    """400 in the same shape for what aiohttp itself refuses."""
    with connect(appliance.url) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n")
        assert_refused(received(connection), 400, "request.invalid")


def test_what_is_too_large(serve: Serve) -> None:
    """413 for every technology, whether or not the length is told."""
    appliance = serve(single_file_upload_size=MEGABYTE, bulk_upload_size=MEGABYTE)
    with appliance.client(headers=IDS) as client:
        for name, technology in ABLE.items():
            for size in (MEGABYTE + 1, 3 * MEGABYTE):
                sent = body_of(technology, size)
                refused(post(client, name, sent), 413, "request.size-limit-exceeded")
                untold = sent | {"content": iter([sent["content"]])}
                refused(post(client, name, untold), 413, "request.size-limit-exceeded")
    assert not stored(appliance.data_dir)


def test_a_full_queue(serve: Serve) -> None:
    """503 for every technology, with a time to come back."""
    with serve(max_queue_length=1).client(headers=IDS) as client:
        assert client.post(CONVERSION, json={"voiceprints": [GOOD]}).status_code == 202
        for name, technology in ABLE.items():
            refused(post(client, name, body_of(technology)), 503, "service.overloaded", retry=True)


def test_a_full_storage(serve: Serve) -> None:
    """507 for every technology, for the input storage as for the disk, with a time to come back."""
    for settings in ({"minimum_free_space": 10**18}, {"input_storage_size": 1}):
        with serve(**settings).client(headers=IDS) as client:
            for name, technology in ABLE.items():
                answer = post(client, name, body_of(technology, 1000))
                refused(answer, 507, "storage.capacity-exceeded", retry=True)


def test_a_rate_that_is_reached(serve: Serve) -> None:
    """429 for every technology, with a time to come back."""
    with serve(rate_limit=1).client(headers=IDS) as client:
        assert client.post(CONVERSION, json={"voiceprints": [GOOD]}).status_code == 202
        for name, technology in ABLE.items():
            refused(post(client, name, body_of(technology)), 429, "request.rate-limit-exceeded", retry=True)


def test_a_redis_that_is_away(serve: Serve) -> None:
    """503 for every path that needs it, with a time to come back; health does not."""
    appliance = serve(redis_url="redis://127.0.0.1:1")
    asked = [("POST", f"{API}/{name}", body_of(technology)) for name, technology in ABLE.items()]
    asked += [(method, f"{EXTRACTION}/{UNKNOWN}{query}", {}) for method, query in _POLLS]
    asked += [("GET", path, {}) for path in ("/api/system/status", "/api/system/models")]
    with appliance.client(headers=IDS) as client, ThreadPoolExecutor(len(asked)) as pool:
        answers = pool.map(lambda call: client.request(call[0], call[1], **call[2]), asked)  # type: ignore[arg-type]
        for answer in answers:
            refused(answer, 503, "service.overloaded", retry=True)
        assert client.get("/health").status_code == 200
        assert client.get("/api/system/info").status_code == 200
        assert client.get("/ready").status_code == 503
    assert not stored(appliance.data_dir)


_POLLS = (("GET", ""), ("GET", "?wait=30"), ("DELETE", ""))


async def test_a_task_that_has_expired(store: TaskStore, redis_url: str, serve: Serve) -> None:
    """404 for a poll, one that waits, and a DELETE."""
    record = await submitted(store)
    running = await claimed(store, record)
    assert await store.finish(running, running.done(1, bytes(32)), retention=0.001)
    await asyncio.sleep(0.01)
    with serve(redis_url=redis_url).client(headers=IDS) as client:
        for method, query in _POLLS:
            answer = await asyncio.to_thread(client.request, method, f"{API}/a-technology/{record.task_id}{query}")
            refused(answer, 404, "resource.not-found")


def test_an_accepted_task_says_when_to_ask(client: httpx.Client) -> None:
    """The 202 has `Retry-After`, and its task an address that is absolute."""
    answer = client.post(CONVERSION, json={"voiceprints": [GOOD]})
    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "1"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/technology/[a-z-]+/[0-9a-f-]{36}", answer.headers["Location"])


def test_parameters_that_are_not_known_are_named(client: httpx.Client) -> None:
    """They are ignored, as the contract has it, and a header of the 202 says so, within bounds and in ASCII."""
    for path, query, named in (
        (CONVERSION, "callback=x", "callback"),
        (CONVERSION, "b=1&a=2&b=3", "a, b"),
        (CONVERSION, "a%0d%0aSet-Cookie:%20x=1", "a%0D%0ASet-Cookie%3A%20x"),
        (CONVERSION, "%C3%A4%2C=", "%C3%A4%2C"),
        (CONVERSION, "x" * 5000, "x" * 64),
        (CONVERSION, "&".join(f"p{i:02}" for i in range(50)), ", ".join(f"p{i:02}" for i in range(16))),
        (CONVERSION, "", None),
    ):
        answer = client.post(f"{path}?{query}", json={"voiceprints": [GOOD]})
        assert answer.status_code == 202
        assert answer.headers.get("X-Ignored-Parameters") == named
    query = "?includ_vector_voiceprint=true&channel_mode=mix"
    answer = client.post(EXTRACTION + query, files={"file": b"RIFF"})
    assert answer.headers["X-Ignored-Parameters"] == "includ_vector_voiceprint"


def test_the_limits_are_shown(serve: Serve) -> None:
    """By the names under which they are published."""
    with serve(single_file_upload_size="5MB", max_audio_length=60).client() as client:
        assert client.get("/api/system/status").json()["limits"] == {
            "singleFileUploadSize": 5_000_000,
            "singleFileUploadTimeout": 120.0,
            "inputStorageSize": 1 << 30,
            "maxAudioLength": 60.0,
        }
