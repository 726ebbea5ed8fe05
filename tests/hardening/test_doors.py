"""Who may come in, under which name, and what is believed of what they say."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from appliance.access.api_key import Scope
from appliance.settings import Settings
from tests.conftest import CONVERSION, EXTRACTION, Appliance, running
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused
from tests.made_keys import FILE, made_keys, revoke
from tests.patience import PATIENCE

EVERYWHERE = "0.0.0.0"  # noqa: S104  # never bound to, for that is what the test is about
PATHS = [
    "/api/system/info",
    "/api/system/status",
    "/metrics",
    EXTRACTION,
    f"{CONVERSION}/x",
    "/api",
    "/health/",
    "/docs//",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the appliance with keys."""
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def keys(folder: Path) -> tuple[str, ...]:
    """Two keys that open everything."""
    return made_keys(folder, "first", "second")


@pytest.fixture(scope="module")
def guarded(models_dir: Path, folder: Path, keys: tuple[str, ...]) -> Iterator[Appliance]:
    """An appliance with keys, behind a proxy on this machine that publishes it as speech.example."""
    assert keys
    given = {"http_port": 0, "data_dir": folder, "models_dir": models_dir, "workers": 1}
    public = {"public_url": "https://speech.example/voice"}
    with running(Settings.model_validate(given | public)) as started:
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


def test_the_public_name_is_let_in_and_given_out(guarded: Appliance, keys: tuple[str, ...]) -> None:
    """A proxy may keep the name under which it is reached, and `Location` is the configured address."""
    with guarded.client(headers={"X-API-Key": keys[0]}) as client:
        for host in ("speech.example", "127.0.0.1"):
            assert location(submit(client, Host=host)) == f"https://speech.example/voice{CONVERSION}"
        assert submit(client, Origin="https://speech.example").status_code == 202
        assert_refused(submit(client, Host="evil.example"), 403, "request.forbidden")


WRONG: list[Callable[[str], dict[str, str]]] = [
    lambda _: {},
    lambda _: {"X-API-Key": ""},
    lambda key: {"X-API-Key": key + "2"},
    lambda key: {"X-API-Key": key[:-1]},
    lambda key: {"X-API-Key": f"{key},{key}"},
    lambda key: {"X-API-Key": key.upper()},
    lambda key: {"X-API-Key": key[:12] + key[12:][::-1]},
    lambda key: {"X-API-Key": "vp_00000000_" + key[12:]},
    lambda key: {"X-API-Key": key[3:11]},
    lambda _: {"X-API-Key": "schl\u00fcssel"},
    lambda _: {"X-API-Key": "x" * 8000},
    lambda key: {"Authorization": key},
    lambda _: {"Authorization": "Bearer"},
    lambda _: {"Authorization": "Bearer wrong"},
    lambda key: {"Authorization": f"Basic {key}"},
    lambda key: {"Authorization": "Bearer wrong", "X-API-Key": key},
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("wrong", WRONG)
def test_without_a_key_nothing_is_open(
    guarded: Appliance, keys: tuple[str, ...], path: str, wrong: Callable[[str], dict[str, str]]
) -> None:
    """Every path, also one that does not exist, is 401 and says how to be let in."""
    with guarded.client() as client:
        sent = {name: value.encode() for name, value in wrong(keys[0]).items()}
        for method in ("GET", "POST"):
            answer = client.request(method, path, headers=sent)  # type: ignore[arg-type]
            message = assert_refused(answer, 401, "request.unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert keys[0][3:11] not in message


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("style", ["X-API-Key: {}", "Authorization: Bearer {}", "authorization: bearer  {}"])
def test_each_key_opens_in_either_style(guarded: Appliance, keys: tuple[str, ...], which: int, style: str) -> None:
    """A key may come in a header of its own or as a bearer token."""
    name, _, value = style.format(keys[which]).partition(": ")
    with guarded.client(headers={name: value}) as client:
        assert client.get("/api/system/info").status_code == 200
        assert submit(client).status_code == 202


def test_keys_that_are_over_say_nothing_of_it(guarded: Appliance, folder: Path) -> None:
    """One that has expired and one that was revoked are answered like one that never was."""
    now = datetime.now(UTC)
    (expired,) = made_keys(folder, "expired", expires=now - timedelta(seconds=1))
    (revoked,) = made_keys(folder, "revoked")
    with guarded.client() as client:
        assert client.get("/api/system/info", headers={"X-API-Key": revoked}).status_code == 200
        revoke(folder, revoked, now)
        answers = [client.get("/api/system/info", headers={"X-API-Key": key}) for key in (expired, revoked, "none")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_a_scope_that_is_missing_is_named(guarded: Appliance, folder: Path, keys: tuple[str, ...]) -> None:
    """Every operation needs one scope, and who lacks it is told which, whether there is such a task or not."""
    operations = {
        Scope.SUBMIT: ("POST", CONVERSION),
        Scope.READ: ("GET", f"{CONVERSION}/{uuid.uuid4()}"),
        Scope.ERASE: ("DELETE", f"{CONVERSION}/{uuid.uuid4()}"),
        Scope.SYSTEM: ("GET", "/api/system/status"),
    }
    with guarded.client() as client:
        location = submit(client, X_API_Key=keys[0]).headers["Location"].removeprefix("https://speech.example/voice")
        for scope, (method, path) in operations.items():
            (only,) = made_keys(folder, f"only {scope}", scopes=(scope,))
            (without,) = made_keys(folder, f"without {scope}", scopes=tuple(set(Scope) - {scope}))
            for asked in {path, location if scope in {Scope.READ, Scope.ERASE} else path}:
                refused = client.request(method, asked, headers={"X-API-Key": without})
                assert f"'{scope}'" in assert_refused(refused, 403, "request.forbidden")
                assert client.request(method, asked, headers={"X-API-Key": only}).status_code in {200, 400, 404}


def test_technologies_that_a_key_is_for(guarded: Appliance, folder: Path) -> None:
    """For others it makes no task, and is told for which it does."""
    (key,) = made_keys(folder, "converting", technologies=("speaker-identification-voiceprint-conversion",))
    with guarded.client(headers={"X-API-Key": key}) as client:
        assert submit(client).status_code == 202
        message = assert_refused(client.post(EXTRACTION, files={"file": b"x"}), 403, "request.forbidden")
        assert "it is for speaker-identification-voiceprint-conversion" in message


def test_health_is_open(guarded: Appliance) -> None:
    """A load balancer has no key."""
    with guarded.client() as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 200


def test_no_key_is_logged(guarded: Appliance, folder: Path, keys: tuple[str, ...]) -> None:
    """Neither those that are right nor those that are wrong, and the file holds none."""
    with guarded.client() as client:
        client.get("/api/system/info", headers={"X-API-Key": keys[0]})
        client.get("/api/system/info", headers={"Authorization": "Bearer a-wrong-key"})
    log = (guarded.data_dir / "up.log").read_text()
    assert "/api/system/info" in log
    secrets = [key[12:] for key in keys]
    assert not [secret for secret in (*secrets, "a-wrong-key") if secret in log]
    assert not [secret for secret in secrets if secret in (folder / FILE).read_text()]


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "speech.example"])
@pytest.mark.parametrize("command", ["up", "serve", "grpc"])
def test_an_open_address_needs_keys_or_the_switch(tmp_path: Path, command: str, host: str) -> None:
    """Bound to anything but loopback without either, the server does not start, and says how to make the first key."""
    done = started(command, tmp_path, VOICEPRINT_HOST=host)
    assert done.returncode == 2
    assert "voiceprint keys create" in done.stderr
    assert "VOICEPRINT_ALLOW_ANONYMOUS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["up", "serve", "grpc"])
def test_keys_that_cannot_be_read_keep_it_from_starting(tmp_path: Path, command: str) -> None:
    """On loopback as well: what was closed before is not opened by a file that broke."""
    made_keys(tmp_path, "caller")
    (tmp_path / FILE).write_text('{"version": 1, "keys": [')
    done = started(command, tmp_path)
    assert done.returncode == 2
    assert f"the API keys in {tmp_path / FILE} cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def started(command: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"VOICEPRINT_DATA_DIR": str(folder), "VOICEPRINT_HTTP_PORT": "0", "VOICEPRINT_GRPC_PORT": "0"}
    if command != "up":
        environment["VOICEPRINT_REDIS_URL"] = "redis://127.0.0.1:1"
    voiceprint = Path(sys.executable).with_name("voiceprint")
    return subprocess.run(
        [voiceprint, command],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
