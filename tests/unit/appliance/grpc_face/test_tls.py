"""TLS on the gRPC port, with certificates of an authority of the tests' own."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from appliance.grpc_face import asking
from appliance.settings import Settings
from schemas.errors import ConfigurationError
from tasks.store import TaskStore
from tests.patience import PATIENCE
from tests.unit.appliance.grpc_face.conftest import Serving, alive


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def written(folder: Path, certificate: trustme.LeafCert) -> dict[str, Path]:
    """The settings that name the certificate and its key."""
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    (folder / "key.pem").chmod(0o600)
    (folder / "certificate.pem").write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    return {"grpc_tls_certificate": folder / "certificate.pem", "grpc_tls_key": folder / "key.pem"}


async def answers(address: str, roots: bytes) -> bool:
    credentials = grpc.ssl_channel_credentials(root_certificates=roots)
    async with grpc.aio.secure_channel(address, credentials) as channel:
        try:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        except grpc.aio.AioRpcError:
            return False
        return True


async def test_who_trusts_the_authority_is_answered(serving: Serving, authority: trustme.CA, tmp_path: Path) -> None:
    """With certificate and key the port speaks TLS, to those who trust the authority and to nobody in the clear."""
    settings = written(tmp_path, authority.issue_cert("localhost"))
    async with serving(**settings) as server:
        address = f"localhost:{server.port}"
        assert await answers(address, authority.cert_pem.bytes())
        assert not await answers(address, trustme.CA().cert_pem.bytes())
        async with grpc.aio.insecure_channel(address) as clear:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health_pb2_grpc.HealthStub(clear).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("version", "taken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_are_refused(
    serving: Serving, authority: trustme.CA, tmp_path: Path, version: ssl.TLSVersion, taken: bool
) -> None:
    """TLS 1.2 and 1.3, and nothing older."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    settings = written(tmp_path, authority.issue_cert("localhost"))

    def met(port: int) -> str | None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="localhost") as secured:
                    return secured.version()
            except OSError:
                return None

    async with serving(**settings) as server:
        assert (await asyncio.to_thread(met, server.port) is not None) is taken


async def test_an_expired_certificate_is_warned_of(
    serving: Serving, authority: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is served, since some clients look away, and the log says what is wrong."""
    expired = authority.issue_cert(
        "localhost", not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=datetime(2020, 1, 1, tzinfo=UTC)
    )
    async with serving(**written(tmp_path, expired)):
        assert "VOICEPRINT_GRPC_TLS_CERTIFICATE: certificate has expired" in caplog.text


async def test_a_key_of_another_certificate(serving: Serving, authority: trustme.CA, tmp_path: Path) -> None:
    """A pair that is none does not get as far as a port."""
    settings = written(tmp_path, authority.issue_cert("localhost"))
    settings["grpc_tls_key"].write_bytes(authority.issue_cert("localhost").private_key_pem.bytes())
    with pytest.raises(ConfigurationError, match="VOICEPRINT_GRPC_TLS_KEY"):
        async with serving(**settings):
            pass


@pytest.mark.parametrize("names", [("voiceprint.example",), ("*.voiceprint.example",), ("10.1.2.3",)])
async def test_a_probe_needs_no_authority(
    serving: Serving, store: TaskStore, authority: trustme.CA, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Who asks on the same machine expects the configured certificate, whatever name it is for."""
    pair = written(tmp_path, authority.issue_cert(*names))
    async with serving(**pair) as server:
        settings = Settings.model_validate({"grpc_port": server.port, **pair})
        assert not await asyncio.to_thread(asking.serves, settings)
        await alive(store)
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(asking.serves, settings):
                await alive(store)
        assert await asyncio.to_thread(asking.ours, settings)
