"""REST over TLS, with certificates of an authority of the tests' own."""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from appliance.settings import Settings, child_environment
from tests.conftest import CONVERSION, Appliance, ended
from tests.hardening.conftest import GOOD
from tests.patience import PATIENCE

Start = Callable[..., Appliance]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def write(folder: Path, certificate: trustme.LeafCert) -> dict[str, Path]:
    """The settings that name the certificate and its key, for both faces."""
    chain, key = folder / "certificate.pem", folder / "key.pem"
    key.write_bytes(certificate.private_key_pem.bytes())
    key.chmod(0o600)
    chain.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    return {
        "http_tls_certificate": chain,
        "http_tls_key": key,
        "grpc_tls_certificate": chain,
        "grpc_tls_key": key,
    }


def trusting(authority: trustme.CA, shown: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client that trusts the authority, and shows a certificate where one is given."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    if shown is not None:
        shown.configure_cert(context)
    return context


def port(appliance: Appliance) -> int:
    return int(appliance.url.rpartition(":")[2])


def serial(appliance: Appliance, context: ssl.SSLContext) -> object:
    """Of the certificate that a new connection is shown."""
    with (
        socket.create_connection(("127.0.0.1", port(appliance)), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        return (secured.getpeercert() or {})["serialNumber"]


def checked(appliance: Appliance, command: str, settings: dict[str, Path]) -> int:
    """The exit code of `voiceprint serve --check` or `grpc --check`."""
    ports = {"http_port": port(appliance), "grpc_port": int(appliance.grpc.rpartition(":")[2])}
    return subprocess.run(
        [Path(sys.executable).with_name("voiceprint"), command, "--check"],
        env=child_environment(Settings.model_validate(settings | ports)),
        check=False,
        timeout=PATIENCE,
    ).returncode


def test_the_whole_appliance_over_tls(start_appliance: Start, authority: trustme.CA, tmp_path: Path) -> None:
    """The ready line, `Location`, headers, probes and a renewal; who speaks in the clear is told what to do."""
    settings = write(tmp_path, authority.issue_cert("localhost", "127.0.0.1"))
    appliance, context = start_appliance(grpc_port=0, **settings), trusting(authority)
    assert appliance.url.startswith("https://127.0.0.1:")
    with httpx.Client(base_url=appliance.url, verify=context, timeout=PATIENCE) as client:
        answer = client.post(CONVERSION, json={"voiceprints": [GOOD]})
        assert answer.headers["Location"].startswith(f"{appliance.url}{CONVERSION}/")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert ended(client, answer.headers["Location"])["task"]["state"] == "done"  # type: ignore[index]
        assert client.get("/openapi.json").json()["servers"] == [{"url": appliance.url}]
        own, others = {"Origin": appliance.url}, {"Origin": appliance.url.replace("https", "http")}
        assert client.get("/health", headers=own).status_code == 200
        assert client.get("/health", headers=others).status_code == 403
        assert [checked(appliance, command, settings) for command in ("serve", "grpc")] == [0, 0]

        plain = httpx.post(appliance.url.replace("https", "http") + CONVERSION, content=b"x" * 100_000)
        assert plain.status_code == 400
        assert "HTTPS" in plain.json()["message"]
        assert "Strict-Transport-Security" not in plain.headers

        first = serial(appliance, context)
        write(tmp_path, authority.issue_cert("localhost", "127.0.0.1"))
        assert serial(appliance, context) != first
        # A half of a renewal is none.
        second = serial(appliance, context)
        (tmp_path / "key.pem").write_text("nothing")
        assert serial(appliance, context) == second
        assert client.get("/health").status_code == 200
    assert "Traceback" not in (appliance.data_dir / "up.log").read_text()


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_are_refused(
    serve: Start, authority: trustme.CA, tmp_path: Path, version: ssl.TLSVersion, taken: bool
) -> None:
    """TLS 1.2 and 1.3, and nothing older."""
    pair = write(tmp_path, authority.issue_cert("localhost"))
    appliance = serve(**{name: path for name, path in pair.items() if name.startswith("http")})
    context = trusting(authority)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    try:
        assert serial(appliance, context)
    except OSError:
        assert not taken
    else:
        assert taken


def test_clients_show_certificates(start_appliance: Start, authority: trustme.CA, tmp_path: Path) -> None:
    """With authorities of clients, who shows no certificate of theirs gets no further than the handshake, on either
    port; probes of the machine itself show the server's own."""
    own = trustme.CA()
    (tmp_path / "authorities.pem").write_bytes(own.cert_pem.bytes() + authority.cert_pem.bytes())
    settings = write(tmp_path, authority.issue_cert("localhost", "127.0.0.1"))
    settings |= {"tls_client_authorities": tmp_path / "authorities.pem"}
    appliance = start_appliance(grpc_port=0, **settings)
    known, stranger = own.issue_cert("desk"), trustme.CA().issue_cert("desk")
    with httpx.Client(base_url=appliance.url, verify=trusting(authority, known), timeout=PATIENCE) as client:
        answer = client.post(CONVERSION, json={"voiceprints": [GOOD]})
        assert ended(client, answer.headers["Location"])["task"]["state"] == "done"  # type: ignore[index]
    for shown in (None, stranger):
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{appliance.url}/health", verify=trusting(authority, shown))
    assert [checked(appliance, command, settings) for command in ("serve", "grpc")] == [0, 0]
    target = f"localhost:{appliance.grpc.rpartition(':')[2]}"
    answers = []
    for one in (known, stranger, None):
        shown_there = (one.private_key_pem.bytes(), one.cert_chain_pems[0].bytes()) if one else (None, None)
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *shown_there)
        with grpc.secure_channel(target, credentials) as channel:
            try:
                health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
                answers.append("OK")
            except grpc.RpcError as error:
                answers.append(error.code().name)
    assert answers == ["OK", "UNAVAILABLE", "UNAVAILABLE"]


def test_those_who_say_nothing_are_let_go(serve: Start, authority: trustme.CA, tmp_path: Path) -> None:
    """Connections without a word, with half a hello or with noise keep nobody out, and leave no trace in the log."""
    pair = write(tmp_path, authority.issue_cert("localhost"))
    appliance = serve(**{name: path for name, path in pair.items() if name.startswith("http")})
    held = []
    for said in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x00" * 100, b"\x16" + b"\xff" * 1000, b"SSH-2.0-x\r\n"):
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", port(appliance)), PATIENCE)
            connection.sendall(said)
            held.append(connection)
    assert serial(appliance, trusting(authority))
    for connection in held:
        connection.close()
    assert serial(appliance, trusting(authority))
    assert "Traceback" not in (appliance.data_dir / "up.log").read_text()


@pytest.mark.parametrize("command", ["up", "serve"])
def test_a_wrong_certificate_keeps_it_from_starting(command: str, authority: trustme.CA, tmp_path: Path) -> None:
    """The setting at fault is named, before anything is started."""
    settings = write(tmp_path, authority.issue_cert("localhost"))
    settings["http_tls_key"].write_bytes(authority.issue_cert("other").private_key_pem.bytes())
    given = {"data_dir": tmp_path, "http_port": 0, "redis_url": "redis://127.0.0.1:1", "grpc": "off"} | settings
    done = subprocess.run(
        [Path(sys.executable).with_name("voiceprint"), command],
        env=child_environment(Settings.model_validate(given)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert "VOICEPRINT_HTTP_TLS_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_certificate_is_looked_at(authority: trustme.CA, tmp_path: Path) -> None:
    """`voiceprint doctor` says for whom it is, and what is wrong with it."""
    settings = write(tmp_path, authority.issue_cert("voiceprint.example"))
    assert "is for voiceprint.example" in looked_at(tmp_path, settings)["finding"]
    settings["http_tls_key"].write_text("nothing")
    found = looked_at(tmp_path, settings)
    assert found["status"] == "fail"
    assert "VOICEPRINT_HTTP_TLS_KEY" in found["finding"]


def looked_at(folder: Path, settings: dict[str, Path]) -> dict[str, str]:
    """What `voiceprint doctor` finds of the certificate."""
    done = subprocess.run(
        [Path(sys.executable).with_name("voiceprint"), "doctor", "--json"],
        env=child_environment(Settings.model_validate({"data_dir": folder, "http_port": 0} | settings)),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return next(one for one in json.loads(done.stdout) if one["name"] == "certificate")  # type: ignore[no-any-return]
