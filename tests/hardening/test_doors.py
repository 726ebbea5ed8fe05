"""Who may come in, under which name, and what is believed of what they say."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.settings import Settings
from tests.conftest import CONVERSION, EXTRACTION, Appliance, running
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused

EVERYWHERE = "0.0.0.0"  # noqa: S104  # never bound to, for that is what the test is about
KEYS = ("first-key", "second-key+/=")
PATHS = ["/api/system/info", "/api/system/status", EXTRACTION, f"{CONVERSION}/x", "/api", "/health/", "/docs//"]


@pytest.fixture(scope="module")
def guarded(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance with keys, behind a proxy on this machine that publishes it as speech.example."""
    folder = tmp_path_factory.mktemp("guarded")
    given = {"http_port": 0, "data_dir": folder, "models_dir": models_dir, "workers": 1}
    public = {"public_url": "https://speech.example/voice"}
    with running(Settings.model_validate(given | public | {"api_keys": ",".join(KEYS)})) as started:
        yield started


@pytest.fixture(scope="module")
def proxied(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """An appliance that believes what proxies on this machine say."""
    folder = tmp_path_factory.mktemp("proxied")
    given = {"http_port": 0, "data_dir": folder, "models_dir": models_dir, "workers": 1}
    with running(Settings.model_validate(given | {"trusted_proxies": "127.0.0.0/8"})) as started:
        yield started


def location(answer: httpx.Response) -> str:
    """Where a submission was sent to, without the task's id."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.headers["X-Location"]
    return answer.headers["Location"].rpartition("/")[0]


def submit(client: httpx.Client, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(CONVERSION, json={"voiceprints": [GOOD]}, headers=named)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:65535"]
)
def test_a_loopback_name_is_let_in(client: httpx.Client, host: str) -> None:
    """Every name and port that can only mean this machine, and `Location` says the same name."""
    assert location(submit(client, Host=host)) == f"http://{host}{CONVERSION}".replace("LOCALHOST", "localhost")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        EVERYWHERE,
        "[::]",
    ],
)
def test_another_name_is_refused(client: httpx.Client, host: str) -> None:
    """A web page that made its own name point here (DNS rebinding) gets nothing, not even health."""
    for path in ("/health", "/api/system/info"):
        assert_refused(client.get(path, headers={"Host": host}), 403, "request.forbidden")
    assert_refused(submit(client, Host=host), 403, "request.forbidden")


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example@localhost", "localhost@evil.example", "localhost/evil", "localhost?x", "localhost#x"),
        *("local host", "localhost:http", "localhost:99999", "[::1", "::1", "localhost\\evil"),
    ],
)
def test_a_host_that_is_none_is_refused(client: httpx.Client, host: str) -> None:
    """What would become another part of an address is 400, before anything is stored."""
    assert_refused(submit(client, Host=host), 400, "request.invalid")


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "https://localhost.evil.example", "http://localhost:1", "file://", "x", ""],
)
def test_a_page_of_another_origin_is_refused(client: httpx.Client, origin: str) -> None:
    """Whatever page a browser shows, it may not submit or read here."""
    assert_refused(submit(client, Origin=origin), 403, "request.forbidden")
    assert_refused(client.get("/api/system/info", headers={"Origin": origin}), 403, "request.forbidden")


def test_our_own_origin_is_let_in(client: httpx.Client, appliance: Appliance) -> None:
    """A page that came from here may call here, under each of its names."""
    assert submit(client, Origin=appliance.url).status_code == 202
    assert submit(client, Host="localhost:81", Origin="http://localhost:81").status_code == 202


def test_no_answer_opens_the_door_to_other_pages(client: httpx.Client) -> None:
    """No CORS header is sent, and a preflight is refused."""
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (client.options(CONVERSION, headers=asked), client.get("/health")):
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("forwarded", [{"X_Forwarded_Host": "evil.example"}, {"X_Forwarded_Proto": "https"}])
def test_what_nobody_vouches_for_is_not_believed(
    client: httpx.Client, appliance: Appliance, forwarded: dict[str, str]
) -> None:
    """Without a trusted proxy, X-Forwarded headers change nothing."""
    assert location(submit(client, **forwarded)) == f"{appliance.url}{CONVERSION}"


def test_a_trusted_proxy_is_believed(proxied: Appliance) -> None:
    """`Location` is what the proxy says, and of several values the last, which it wrote itself."""
    with proxied.client() as client:
        answer = submit(client, X_Forwarded_Host="evil.example, speech.example", X_Forwarded_Proto="http, https")
        assert location(answer) == f"https://speech.example{CONVERSION}"


@pytest.mark.parametrize("host", ["speech.example/evil", "a@b", "a b", "a:port", "[::"])
def test_a_forwarded_host_that_is_none_is_refused(proxied: Appliance, host: str) -> None:
    """A proxy that passes on what its client wrote makes no task with an address that leads elsewhere."""
    with proxied.client() as client:
        assert_refused(submit(client, X_Forwarded_Host=host), 400, "request.invalid")


def test_a_forwarded_scheme_that_is_none_is_ignored(proxied: Appliance) -> None:
    """Only https changes the scheme."""
    with proxied.client() as client:
        assert location(submit(client, X_Forwarded_Proto="javascript")) == f"{proxied.url}{CONVERSION}"


def test_the_public_name_is_let_in_and_given_out(guarded: Appliance) -> None:
    """A proxy may keep the name under which it is reached, and `Location` is the configured address."""
    with guarded.client(headers={"X-API-Key": KEYS[0]}) as client:
        for host in ("speech.example", "127.0.0.1"):
            assert location(submit(client, Host=host)) == f"https://speech.example/voice{CONVERSION}"
        assert submit(client, Origin="https://speech.example").status_code == 202
        assert_refused(submit(client, Host="evil.example"), 403, "request.forbidden")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "first-key2"},
        {"X-API-Key": "first-key,second-key+/="},
        {"X-API-Key": "FIRST-KEY"},
        {"X-API-Key": "schl\u00fcssel"},
        {"X-API-Key": "x" * 8000},
        {"Authorization": "first-key"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic Zmlyc3Qta2V5"},
        {"Authorization": "Bearer wrong", "X-API-Key": "first-key"},
    ],
    ids=repr,
)
def test_without_a_key_nothing_is_open(guarded: Appliance, path: str, headers: dict[str, str]) -> None:
    """Every path, also one that does not exist, is 401 and says how to be let in."""
    with guarded.client() as client:
        sent = {name: value.encode() for name, value in headers.items()}
        for method in ("GET", "POST"):
            answer = client.request(method, path, headers=sent)  # type: ignore[arg-type]
            message = assert_refused(answer, 401, "request.unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "first" not in message


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("style", ["X-API-Key: {}", "Authorization: Bearer {}", "authorization: bearer  {}"])
def test_each_key_opens_in_either_style(guarded: Appliance, key: str, style: str) -> None:
    """A key may come in a header of its own or as a bearer token."""
    name, _, value = style.format(key).partition(": ")
    with guarded.client(headers={name: value}) as client:
        assert client.get("/api/system/info").status_code == 200
        assert submit(client).status_code == 202


def test_health_is_open(guarded: Appliance) -> None:
    """A load balancer has no key."""
    with guarded.client() as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 200


def test_no_key_is_logged(guarded: Appliance) -> None:
    """Neither those that are right nor those that are wrong."""
    with guarded.client() as client:
        client.get("/api/system/info", headers={"X-API-Key": KEYS[0]})
        client.get("/api/system/info", headers={"Authorization": "Bearer a-wrong-key"})
    log = (guarded.data_dir / "up.log").read_text()
    assert "/api/system/info" in log
    assert not re.search("first-key|second-key|a-wrong-key", log)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "speech.example"])
@pytest.mark.parametrize("command", ["up", "serve"])
def test_an_open_address_needs_keys_or_the_switch(tmp_path: Path, command: str, host: str) -> None:
    """Bound to anything but loopback without either, the server does not start, and says what to set."""
    environment = {"VOICEPRINT_HOST": host, "VOICEPRINT_DATA_DIR": str(tmp_path), "VOICEPRINT_HTTP_PORT": "0"}
    if command == "serve":
        environment["VOICEPRINT_REDIS_URL"] = "redis://127.0.0.1:1"
    voiceprint = Path(sys.executable).with_name("voiceprint")
    done = subprocess.run(
        [voiceprint, command], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "VOICEPRINT_API_KEYS" in done.stderr
    assert "VOICEPRINT_ALLOW_ANONYMOUS" in done.stderr
    assert "Traceback" not in done.stderr
