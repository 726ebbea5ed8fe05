"""What docs/migrating.md shows runs as it stands, but for addresses and the folder that it is run in."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from onnx_models import open_model
from schemas import voiceprint
from tests.conftest import COMPARISON, CONVERSION, RECORDINGS, Appliance, ended
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/migrating.md").read_text()
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# A block that begins with a file name is a file for the others; one of the shell is known by its first comment.
FILES = {found[1]: text for kind, text in BLOCKS if kind == "python" and (found := re.match(r"# (\w+\.py)\n", text))}
SHELL = {text.splitlines()[0].removeprefix("# "): text for kind, text in BLOCKS if kind == "sh"}
SNIPPETS = [text for kind, text in BLOCKS if kind == "python" and text not in FILES.values()]
PUBLISHED_CLIENTS = ROOT / ".venv-clients/bin"
# How the published voiceprints of the closed appliance begin.
FOREIGN = "e2kDY3JjbDAWiyhpCWVtYmVkZGluZ1tkO/QWvmS8JkuGZDyv+F5k"


def technology(snippet: str) -> str:
    """Whose example a snippet is, for the test's name."""
    heading = re.findall(r"^### (.*)", TEXT[: TEXT.index(snippet)], re.MULTILINE)[-1]
    return f"{heading.partition(',')[0]}-{'grpc' if 'from wire' in snippet else 'rest'}"


@pytest.fixture
def place(tmp_path: Path, models_dir: Path) -> Path:
    """A folder with the files that the examples import and the recordings and voiceprint that they read."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (found,) = open_model("ge2e", models_dir=models_dir).extract(RECORDINGS / "demo.flac")
    (tmp_path / "demo.vp").write_bytes(voiceprint.encode(found))
    return tmp_path


def run(
    command: list[str | Path], text: str, appliance: Appliance, place: Path, models_dir: Path, **environment: str
) -> str:
    """Runs an example against `appliance`, which is the old one as well, and returns what it prints."""

    def addressed(example: str) -> str:
        port = appliance.grpc.rpartition(":")[2]
        example = re.sub(r"http://(127\.0\.0\.1|old-appliance):8000", appliance.url, example)
        return re.sub(r"(127\.0\.0\.1|localhost):8080", rf"\1:{port}", example)

    for name, content in FILES.items():
        (place / name).write_text(addressed(content))
    path = [Path(sys.executable).parent, PUBLISHED_CLIENTS, os.environ["PATH"]]
    done = subprocess.run(
        [*command, addressed(text)],
        check=False,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ
        | {"PYTHONPATH": str(place), "PATH": os.pathsep.join(map(str, path)), "VOICEPRINT_MODELS_DIR": str(models_dir)}
        | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("snippet", SNIPPETS, ids=technology)
def test_every_technology_both_ways(snippet: str, appliance: Appliance, place: Path, models_dir: Path) -> None:
    """The example of a technology ends without an exception and tells something."""
    printed = run([sys.executable, "-c"], snippet, appliance, place, models_dir)
    assert printed or "assert" in snippet


def test_all_technologies_are_shown() -> None:
    """There is one example for each technology over REST and one over gRPC."""
    shown = {technology(snippet) for snippet in SNIPPETS}
    kinds = ("Extraction", "Conversion", "Comparison", "Merging", "Gender", "Age", "Voice activity", "Diarization")
    assert shown == {f"{kind}-{way}" for kind in kinds for way in ("rest", "grpc")}
    assert len(SNIPPETS) == len(shown)


def test_the_published_clients_are_named() -> None:
    """What is to be installed is what the conformance tests drive the appliance with."""
    pinned = (ROOT / "tests/conformance/clients.txt").read_text()
    named = re.findall(r"phonexia-[a-z-]+-client", TEXT)
    assert sorted(named) == sorted(re.findall(r"^(phonexia-[a-z-]+)==", pinned, re.MULTILINE))


@pytest.mark.skipif(not PUBLISHED_CLIENTS.is_dir(), reason="the published clients are not installed: make conformance")
def test_published_clients(appliance: Appliance, place: Path, models_dir: Path) -> None:
    """The commands of the published clients work without TLS as they are written."""
    printed = run(["bash", "-euc"], SHELL["published clients"], appliance, place, models_dir)
    assert '"score_male"' in printed
    assert '"VOICE"' in printed


@pytest.mark.skipif(shutil.which("openssl") is None, reason="this machine has no openssl")
def test_tls(start_appliance: Callable[..., Appliance], place: Path, models_dir: Path) -> None:
    """A certificate made as shown serves, and a client that is told of it by the environment trusts it."""
    key, certificate = place / "key.pem", place / "certificate.pem"
    subprocess.run(
        ["bash", "-euc", SHELL["a certificate for this machine"]], check=True, cwd=place, capture_output=True
    )
    appliance = start_appliance(grpc_port=0, grpc_tls_certificate=certificate, grpc_tls_key=key)
    (secure,) = re.findall(r"# With TLS: (.*)", FILES["wire.py"])
    call = next(snippet for snippet in SNIPPETS if technology(snippet) == "Voice activity-grpc")
    call = call.replace(
        "from wire import CHANNEL, messages", f"import grpc\nfrom wire import messages\nCHANNEL = {secure}"
    )
    printed = run(
        *([sys.executable, "-c"], call, appliance, place, models_dir),
        GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(certificate),
    )
    assert printed.count("\n") == 2
    if PUBLISHED_CLIENTS.is_dir():
        assert '"VOICE"' in run(["bash", "-euc"], SHELL["published clients, TLS"], appliance, place, models_dir)


def test_shadow_and_harvest(appliance: Appliance, place: Path, models_dir: Path) -> None:
    """The threshold is found; what was kept on the way is harvested value for value, and compared."""
    shadow = SHELL["trials.txt"].replace("--keep", f"--here {appliance.url} --keep")
    printed = run(["bash", "-euc"], shadow, appliance, place, models_dir)
    assert printed.startswith("5 of 5 trials: 2 of one speaker, 3 of two")
    harvest = next(text for text in SHELL.values() if text.splitlines()[1].startswith("python harvest.py"))
    run(["bash", "-euc"], harvest, appliance, place, models_dir)
    assert "vectors of the old model's name" in run(["bash", "-euc"], "python compare.py", appliance, place, models_dir)
    with (place / "shadow/other.csv").open(newline="") as file:
        kept = {row["file"]: row["voiceprint"] for row in csv.DictReader(file)}
    with (place / "old.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert sorted(names) == sorted(kept)
    with appliance.client() as client:
        task = client.post(CONVERSION, json={"voiceprints": [kept[name] for name in names]})
        vectors = ended(client, task.headers["Location"])["result"]["vector_voiceprints"]  # type: ignore[index]
    assert np.load(place / "old.npy").tolist() == vectors


def test_harvest_of_a_folder(appliance: Appliance, place: Path, models_dir: Path) -> None:
    """Bytes and Base64 are both taken; what cannot be read is named and left out, what has no speech is told."""
    stored = place / "stored"
    (stored / "deep").mkdir(parents=True)
    content = (place / "demo.vp").read_bytes()
    (stored / "bytes.vp").write_bytes(content)
    (stored / "deep/text.txt").write_text(voiceprint.to_base64(content) + "\n")
    (stored / "foreign.txt").write_text(FOREIGN)
    soundfile.write(place / "silent.wav", np.zeros(16_000), 16_000)
    (silent,) = open_model("ge2e", models_dir=models_dir).extract(place / "silent.wav")
    (stored / "silent.txt").write_text(voiceprint.to_base64(voiceprint.encode(silent)))
    words = f"python harvest.py {appliance.url}/ ge2e stored old 2>said.txt; cat said.txt"
    said = run(["bash", "-euc"], words, appliance, place, models_dir)
    assert "left out: foreign.txt: " in said
    about = json.loads((place / "old.json").read_text())
    assert (about["model"], about["count"], about["without_speech"]) == ("ge2e", 2, ["silent.txt"])
    first, second = np.load(place / "old.npy")
    assert first.tolist() == second.tolist()
    assert np.array_equal(first.astype(np.float32), voiceprint.decode(content).vector)


def test_a_foreign_voiceprint_is_refused_by_name(appliance: Appliance) -> None:
    """One of the closed appliance is rejected with the reason that the page gives, not compared."""
    with appliance.client() as client:
        task = client.post(COMPARISON, json={"voiceprints_a": [FOREIGN], "voiceprints_b": [FOREIGN]})
        body = ended(client, task.headers["Location"])
    assert body["task"]["state"] == "rejected"  # type: ignore[index]
    for fault in body["error"]["detail"]:  # type: ignore[index]
        assert fault["type"] in TEXT


def test_enrolment(appliance: Appliance, place: Path, models_dir: Path) -> None:
    """Voiceprints made without a server are files by the name of the recording and the channel."""
    run(["bash", "-euc"], SHELL["enrolment, without a server"], appliance, place, models_dir)
    assert sorted(path.name for path in (place / "enrolled").iterdir()) == ["demo.0.vp", "stranger.0.vp"]


def test_links_and_settings_exist() -> None:
    """Pages, headings and settings that the page names are there."""
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
    headings = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings
    settings = (ROOT / "docs/settings.md").read_text()
    for name in set(re.findall(r"VOICEPRINT_[A-Z_]+", TEXT)):
        assert f"`{name}`" in settings, name
