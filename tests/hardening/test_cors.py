"""Pages of origins that are named may call, and no others; what browsers are told with every answer."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import CONVERSION, Appliance
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused
from tests.made_keys import made_keys

Serve = Callable[..., Appliance]
DESK, OTHER = "https://desk.example", "https://evil.example"
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key,content-type"}


def of_cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_a_named_page_asks_first(serve: Serve, tmp_path: Path) -> None:
    """A browser asks without the page's key, and is told what may be sent where; of credentials nothing is said."""
    made_keys(tmp_path, "desk")
    with serve(cors_origins=f"{DESK},http://localhost:5173").client() as client:
        for origin in (DESK, "http://localhost:5173"):
            answer = client.options(CONVERSION, headers=ASKED | {"Origin": origin})
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["Vary"] == "Origin"
            told = of_cors(answer)
            assert told["access-control-allow-origin"] == origin
            assert told["access-control-allow-methods"] == "POST"
            sent = {name.strip().lower() for name in told["access-control-allow-headers"].split(",")}
            assert {"authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id"} <= sent
            assert "access-control-allow-credentials" not in told
            assert "*" not in "".join(told.values())
        path = f"{CONVERSION}/4711"
        assert of_cors(client.options(path, headers=ASKED | {"Origin": DESK}))["access-control-allow-methods"] == (
            "DELETE, GET, HEAD"
        )
        assert client.options("/nowhere", headers=ASKED | {"Origin": DESK}).status_code == 404


def test_a_named_page_reads_every_answer(serve: Serve, tmp_path: Path) -> None:
    """Those that refuse as well, with all that leads on from there."""
    (key,) = made_keys(tmp_path, "desk")
    with serve(cors_origins=DESK, rate_limit=1).client(headers={"Origin": DESK}) as client:
        body = {"voiceprints": [GOOD]}
        answers = [client.post(CONVERSION, json=body, headers={"X-API-Key": key}) for _ in range(2)]
        answers += [client.get("/api/system/info"), client.get("/health"), client.put(CONVERSION)]
        assert [answer.status_code for answer in answers] == [202, 429, 401, 200, 401]
        for answer in answers:
            assert answer.headers["Access-Control-Allow-Origin"] == DESK
            shown = {name.strip().lower() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
            used = {
                name for name in answer.headers if name.startswith("x-ratelimit") or name in {"location", "retry-after"}
            }
            assert used <= shown


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://desk.example:8443", "http://desk.example", "https://desk.example.evil", "*", ""]
)
def test_no_other_page_gets_in(serve: Serve, origin: str) -> None:
    """Whoever is not named exactly is refused, asking first as well, and nothing lets the page read that."""
    with serve(cors_origins=DESK).client() as client:
        answers = [
            client.options(CONVERSION, headers=ASKED | {"Origin": origin}),
            client.post(CONVERSION, json={"voiceprints": [GOOD]}, headers={"Origin": origin}),
        ]
        for answer in answers:
            assert_refused(answer, 403, "request.forbidden")
            assert not of_cors(answer)
            assert answer.headers["Vary"] == "Origin"


def test_it_is_off(client: httpx.Client) -> None:
    """Without a setting there is no page that may, and no header about it."""
    for answer in (client.options(CONVERSION, headers=ASKED | {"Origin": DESK}), client.get("/health")):
        assert not of_cors(answer)
        assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/docs"),
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("POST", CONVERSION),
        ("GET", "/api/system/info"),
    ],
)
def test_what_browsers_are_told(client: httpx.Client, method: str, path: str) -> None:
    """Every answer is for whoever asked and nobody else: not to be kept, framed, guessed at or made part of a page."""
    headers = client.request(method, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == ("no-cache" if path in {"/docs", "/"} else "no-store")
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Server"] == "voiceprint"
    # In the clear nobody can know who says so.
    assert "Strict-Transport-Security" not in headers
