"""The certificate and key of the gRPC port: what is wrong with them is said before they are used."""

from datetime import datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from appliance.port import certificate
from appliance.settings import Settings
from schemas.errors import ConfigurationError

AUTHORITY = trustme.CA()


def settings(folder: Path) -> Settings:
    return Settings(grpc_tls_certificate=folder / "certificate.pem", grpc_tls_key=folder / "key.pem")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with a good certificate and its key."""
    write(tmp_path, AUTHORITY.issue_cert("voiceprint.example", "10.0.0.5"))
    return tmp_path


def write(folder: Path, made: trustme.LeafCert) -> None:
    (folder / "certificate.pem").write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    (folder / "key.pem").write_bytes(made.private_key_pem.bytes())
    (folder / "key.pem").chmod(0o600)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_key_that_others_may_read_is_refused(pair: Path, mode: int) -> None:
    """Or write: with the cure."""
    (pair / "key.pem").chmod(mode)
    with pytest.raises(ConfigurationError, match=r"GRPC_TLS_KEY: others may read or write .* chmod 600"):
        certificate.load(settings(pair), "GRPC")


def test_without_files_there_is_none() -> None:
    """Where nothing is configured the port speaks in the clear."""
    assert certificate.load(Settings(), "GRPC") is None


def test_a_good_pair(pair: Path) -> None:
    """Both files as they are, the name that they are for, and nothing to warn of."""
    loaded = certificate.load(settings(pair), "GRPC")
    assert loaded is not None
    assert (loaded.host, loaded.warning) == ("voiceprint.example", "")
    assert (loaded.chain, loaded.key) == ((pair / "certificate.pem").read_bytes(), (pair / "key.pem").read_bytes())


@pytest.mark.parametrize(
    ("years", "warning"), [((2019, 2020), "certificate has expired"), ((2090, 2091), "certificate is not yet valid")]
)
def test_a_wrong_date_is_warned_of(tmp_path: Path, years: tuple[int, int], warning: str) -> None:
    """A certificate whose time is over, or has not come, can be used by those who look away."""
    first, last = (datetime(year, 1, 1) for year in years)  # noqa: DTZ001  # trustme wants it so
    write(tmp_path, AUTHORITY.issue_cert("localhost", not_before=first, not_after=last))
    loaded = certificate.load(settings(tmp_path), "GRPC")
    assert loaded is not None
    assert loaded.warning == warning


def encrypted(pem: bytes) -> bytes:
    """The key under a passphrase."""
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
    )


CERTIFICATE, KEY = "VOICEPRINT_GRPC_TLS_CERTIFICATE", "VOICEPRINT_GRPC_TLS_KEY"


@pytest.mark.parametrize(
    ("file", "change", "named", "why"),
    [
        ("certificate.pem", lambda _: b"hello", CERTIFICATE, "holds no PEM certificate"),
        ("certificate.pem", lambda pem: pem[:100] + pem[200:], CERTIFICATE, "certificate that is damaged"),
        ("key.pem", lambda _: b"hello", KEY, "holds no PEM private key"),
        ("key.pem", lambda pem: pem[:100] + pem[140:], KEY, "private key that is damaged"),
        ("key.pem", lambda _: AUTHORITY.issue_cert("x").private_key_pem.bytes(), KEY, "is not the key of"),
        ("key.pem", encrypted, KEY, "without a passphrase"),
    ],
)
def test_a_wrong_file_is_named(pair: Path, file: str, change: object, named: str, why: str) -> None:
    """A file that is not what it should be is refused with the setting that names it."""
    (pair / file).write_bytes(change((pair / file).read_bytes()))  # type: ignore[operator]
    with pytest.raises(ConfigurationError) as caught:
        certificate.load(settings(pair), "GRPC")
    assert caught.value.message.startswith(f"{named}: {pair / file} ")
    assert why in caught.value.message


@pytest.mark.parametrize(("file", "named"), [("certificate.pem", CERTIFICATE), ("key.pem", KEY)])
def test_a_missing_file_is_named(pair: Path, file: str, named: str) -> None:
    """A file that is not there, or is a folder, cannot be read."""
    (pair / file).unlink()
    with pytest.raises(ConfigurationError, match=f"{named}: .* cannot be read: No such file"):
        certificate.load(settings(pair), "GRPC")
    (pair / file).mkdir()
    with pytest.raises(ConfigurationError, match=f"{named}: .* cannot be read: it is not a plain file"):
        certificate.load(settings(pair), "GRPC")
