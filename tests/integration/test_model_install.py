"""A model from an https address to a voiceprint over HTTP, and what a person's Ctrl-C leaves."""

import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import trustme

from appliance.exit_codes import ExitCode
from onnx_models.registry import AddressSource
from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended
from tests.patience import PATIENCE
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.file_server import Request, file_server, serves
from tests.unit.onnx_models.own_cards import own_card

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
NETWORK = small_graphs.wespeaker(64).SerializeToString()


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with all that is installed."""
    path = tmp_path / "models"
    path.mkdir()
    for file in models_dir.iterdir():
        if file.is_file():
            (path / file.name).symlink_to(file)
    return path


def command(folder: Path, *words: str, **more: str) -> "subprocess.Popen[str]":
    """`voiceprint models install` of a script that accepts all licences."""
    proxies = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    environment = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    return subprocess.Popen(
        [VOICEPRINT, "models", "install", "--accept-licence", *words],
        env=environment | {"VOICEPRINT_MODELS_DIR": str(folder)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_from_an_address_to_a_voiceprint(
    folder: Path, tmp_path: Path, start_appliance: Callable[..., Appliance]
) -> None:
    """A model is fetched over https, once its authority is known, served beside the default, and makes voiceprints."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with file_server(serves(NETWORK), tls) as server:
        source = AddressSource(address=server.address)
        card = own_card(folder, "wespeaker", NETWORK, name="mine", source=source, dimension=64)
        unknown = command(folder, "mine")
        said = unknown.communicate(timeout=PATIENCE)[1]
        assert unknown.returncode == ExitCode.MISCONFIGURED
        assert "could not prove who it is" in said
        assert not card.path(folder).exists()
        known = command(folder, "mine", SSL_CERT_FILE=str(tmp_path / "authority.pem"))
        assert known.communicate(timeout=PATIENCE)[0] == f"{card.path(folder)}\n"

    appliance = start_appliance(models_dir=folder, more_models=("mine",))
    with appliance.client() as client:
        answer = client.post(
            EXTRACTION, files={"file": (RECORDINGS / "demo.flac").read_bytes()}, params={"model": "mine"}
        )
        assert answer.status_code == 202, answer.text
        body = ended(client, answer.headers["Location"])
    (channel,) = body["result"]["channels"]  # type: ignore[index]
    assert channel["model"] == "mine"
    assert channel["speech_length"] > 0


def test_an_interrupted_person_goes_on_later(folder: Path) -> None:
    """Ctrl-C ends a download with its own exit code, and the same command fetches only the rest."""
    begun, over = threading.Event(), threading.Event()

    def stopping(request: Request) -> Iterable[bytes]:
        begin, body = serves(NETWORK)(request)
        yield begin
        yield body[:10_000]
        begun.set()
        over.wait(PATIENCE)

    with file_server(stopping) as server:
        source = AddressSource(address=server.address)
        card = own_card(folder, "wespeaker", NETWORK, name="mine", source=source, dimension=64)
        running = command(folder, "mine")
        assert begun.wait(PATIENCE)
        assert running.stderr is not None
        for line in running.stderr:
            if "% of" in line:
                break
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=PATIENCE)[1]
        over.set()
        assert running.returncode == ExitCode.INTERRUPTED
        assert "mine: 10000 of " in said
        assert "Traceback" not in said
        server.answer = serves(NETWORK)
        assert command(folder, "mine").communicate(timeout=PATIENCE)[0] == f"{card.path(folder)}\n"
        assert [request.first_byte for request in server.requests] == [0, 10_000]
