"""Phonexia's published clients, as their users run them, against a running appliance: in the clear and over TLS."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from appliance.settings import Settings
from tests.conftest import RECORDINGS, running
from tests.patience import PATIENCE

# They need another numpy than we do, so they live in an environment of their own.
CLIENTS = Path(__file__).parents[2] / ".venv-clients/bin"
DEMO, SAME_VOICE, OTHER_VOICE = (RECORDINGS / name for name in ("demo.flac", "mpeg.mp3", "stranger.flac"))


@dataclass(frozen=True)
class Server:
    """Where the clients find the appliance, and how: `options` and `environment` go to every client."""

    host: str
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def call(self, client: str, *words: str | Path) -> "subprocess.CompletedProcess[bytes]":
        """Runs the command line of `client`: its name and, where it has one, its subcommand."""
        name, *command = client.split()
        # Options of the connection stand before a subcommand; a client without one takes them anywhere.
        line = [CLIENTS / name, "--host", self.host, *self.options, *command, *words]
        return subprocess.run(
            line, env=os.environ | self.environment, capture_output=True, timeout=PATIENCE, check=False
        )

    def output(self, client: str, *words: str | Path) -> bytes:
        """What it prints."""
        ended = self.call(client, *words)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    def told(self, client: str, *words: str | Path) -> dict[str, Any]:
        """What it prints, which is one JSON object."""
        answer: dict[str, Any] = json.loads(self.output(client, *words))
        return answer


@pytest.fixture(scope="session")
def _clients() -> None:
    if not CLIENTS.is_dir():
        pytest.fail("the published clients are not installed: run `make conformance`")


@pytest.fixture(scope="session", params=["plaintext", "tls"])
def server(
    request: pytest.FixtureRequest, _clients: None, models_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """An appliance of its own for each way to reach it."""
    folder = tmp_path_factory.mktemp(request.param)
    given: dict[str, Any] = {"http_port": 0, "grpc_port": 0, "data_dir": folder, "models_dir": models_dir, "workers": 1}
    if request.param == "plaintext":
        with running(Settings(**given)) as appliance:
            yield Server(appliance.grpc, ("--plaintext",))
        return
    authority = trustme.CA()
    root, certificate, key = (folder / name for name in ("root.pem", "certificate.pem", "key.pem"))
    authority.cert_pem.write_to_path(root)
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    with running(Settings(**given, grpc_tls_certificate=certificate, grpc_tls_key=key)) as appliance:
        port = appliance.grpc.rpartition(":")[2]
        yield Server(f"localhost:{port}", environment={"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(root)})


@pytest.fixture(scope="session")
def voiceprint(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """The file with the voiceprint of a recording, as a client writes it."""
    folder, extracted = tmp_path_factory.mktemp("voiceprints"), dict[Path, Path]()

    def extract(recording: Path) -> Path:
        if recording not in extracted:
            extracted[recording] = folder / f"{recording.stem}.vp"
            words = ["--out-format", "binary", "--output", extracted[recording], recording]
            server.output("speaker_identification_client extract", *words)
        return extracted[recording]

    return extract
