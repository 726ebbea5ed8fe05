"""The examples of docs/ run as they stand, but for addresses and for the folders that they are run in.

Those of a page run one after the other, as a reader types them: what the first sets and writes, the next finds.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from appliance.settings import Settings
from tests import made_voices, qdrant_over_http
from tests.conftest import EXTRACTION, RECORDINGS, Appliance, ended, running
from tests.integration.models_folder import with_networks_of
from tests.pages import PAGES, ROOT, TYPED, Example, examples
from tests.patience import PATIENCE
from tests.readers import BEFORE, TABLES
from tests.serving import STOPPED_WHEN_READY
from tests.unit.onnx_models import small_graphs

RUN = {
    page: found
    for page in PAGES
    if (found := [one for one in examples(page) if one.language in TYPED and not one.not_run and not one.run_by])
}
# Folders of a server's, for which folders of the test's own stand.
FOLDERS = ("/etc/voiceprint", "/var/lib/voiceprint", "/backups", "/srv/voiceprints")
# Pages for those whose appliance has a key ring.
SECURED = {"audit.md", "operations.md", "upgrading.md"}
VOICEPRINT = Path(sys.executable).with_name("voiceprint")


@dataclass(frozen=True)
class Site:
    """An appliance, the folder in which FOLDERS are, the settings of commands there, and the port of a Qdrant."""

    appliance: Appliance
    root: Path
    settings: Mapping[str, str]
    qdrant: int

    def addressed(self, text: str) -> str:
        told = {f"http://{host}:8000": self.appliance.url for host in ("127.0.0.1", "localhost")}
        told |= {"127.0.0.1:8080": self.appliance.grpc, "127.0.0.1:6333": f"127.0.0.1:{self.qdrant}"}
        told |= {"https://voiceprint.example": self.appliance.url}
        # What is brought back comes into an appliance of its own, which is stopped and empty.
        told["voiceprint restore"] = "VOICEPRINT_DATA_DIR=$PWD/restored; voiceprint restore"
        for name, meant in told.items() | {folder: f"{self.root}{folder}" for folder in FOLDERS}.items():
            text = text.replace(name, meant)
        return text


@pytest.fixture(scope="module")
def qdrant() -> Iterator[int]:
    """The port of a Qdrant."""
    with qdrant_over_http.serving() as served:
        yield served.port


@pytest.fixture(scope="module")
def secured(models_dir: Path, qdrant: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An appliance with a key ring and the API key `desk`, which has done a task."""
    root = tmp_path_factory.mktemp("secured")
    ring, data = root / "etc/voiceprint/key-ring.toml", root / "var/lib/voiceprint"
    for folder in FOLDERS:
        (root / folder.lstrip("/")).mkdir(parents=True, mode=0o700)
    settings = {"VOICEPRINT_DATA_DIR": str(data), "VOICEPRINT_KEY_RING": str(ring)}
    for words in (("keyring", "create", str(ring)), ("keys", "create", "desk")):
        made = subprocess.run(
            [VOICEPRINT, *words], check=True, capture_output=True, text=True, env=os.environ | settings
        )
    kept = Settings(http_port=0, grpc="off", data_dir=data, models_dir=models_dir, key_ring=ring, workers=1)
    with running(kept) as appliance, appliance.client(headers={"X-API-Key": made.stdout.strip()}) as client:
        with (RECORDINGS / "demo.flac").open("rb") as file:
            ended(client, client.post(EXTRACTION, files={"file": file}).headers["Location"])
        yield Site(appliance, root, settings, qdrant)


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has: the recordings of a checkout, a call, speakers in DIR, and a network."""
    folder = tmp_path_factory.mktemp("belongings")
    (folder / "tests").symlink_to(ROOT / "tests")
    soundfile.write(folder / "call.wav", *soundfile.read(RECORDINGS / "call.flac"))
    made_voices.written(folder / "DIR")
    small_graphs.written(small_graphs.wespeaker(metadata=small_graphs.EXPORTED), folder / "my_network.onnx")
    (folder / "tables.py").write_text(TABLES)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def place(belongings: Path, models_dir: Path, tmp_path: Path) -> Path:
    """The folder in which a page is worked through, and a models folder of its own."""
    for path in belongings.iterdir():
        (tmp_path / path.name).symlink_to(path)
    with_networks_of(models_dir, tmp_path / "models")
    return tmp_path


@pytest.fixture
def site(page: Path, place: Path, qdrant: int, request: pytest.FixtureRequest) -> Site:
    """Where the commands of `page` are run."""
    if page.name in SECURED:
        return request.getfixturevalue("secured")  # type: ignore[no-any-return]
    for folder in FOLDERS:
        (place / folder.lstrip("/")).mkdir(parents=True, mode=0o700)
    return Site(request.getfixturevalue("appliance"), place, {"VOICEPRINT_DATA_DIR": str(place / "data")}, qdrant)


def script(page: Path, place: Path, site: Site) -> str:
    """The examples of `page` for bash; those in Python become files in `place`."""
    lines = ["set -euo pipefail", STOPPED_WHEN_READY, BEFORE.get(page.name, "")]
    for example in RUN[page]:
        lines += [f"echo docs/{page.name}:{example.line} >&2", typed(example, place, site)]
    return site.addressed("\n".join(lines))


def typed(example: Example, place: Path, site: Site) -> str:
    if example.language != "python":
        return example.shell
    name = example.file or f"line_{example.line}.py"
    (place / name).write_text(site.addressed(example.text))
    return "" if example.file else f"python -W error {name}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_examples(page: Path, place: Path, site: Site) -> None:
    """Every command of the page ends with exit code 0, and what its programs assert holds."""
    done = subprocess.run(
        ["bash", "-c", script(page, place, site)],
        check=False,
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env=os.environ
        | {
            "PATH": f"{VOICEPRINT.parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'clients/python'}",
            "VOICEPRINT_MODELS_DIR": str(place / "models"),
        }
        | site.settings,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert all(example.text in done.stdout for example in examples(page) if example.printed), done.stdout
