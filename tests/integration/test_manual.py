"""Every example of the manual is run as it stands: those of `voiceprint COMMAND --help`, which docs/cli.md has too.

Each in a folder of its own with what a reader has, against one appliance with a key ring and API keys.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from appliance.settings import Settings
from tests import cli_reference, made_voices
from tests.conftest import EXTRACTION, RECORDINGS, ended, running
from tests.integration.models_folder import with_networks_of
from tests.patience import PATIENCE
from tests.serving import STOPPED_WHEN_READY
from tests.unit.onnx_models import small_graphs
from tests.unit.onnx_models.heads.made_heads import constant, write_head

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
ROOT = Path(__file__).parents[2]
EXAMPLES = {words: lines for words, lines in cli_reference.examples() if lines}
TASK = "0192d6e5-93c1-7d7e-8f0a-1f6a4d2c9b11"
# What takes longest, and has tests of its own.
LONG = {"calibrate", "extract", "models quantize", "shadow", "up"}
# Who reads is asked, and says yes.
SAYS_YES = 'voiceprint() { command voiceprint "$@" --yes; }'
# An appliance runs already.
OTHER_DATA = "export VOICEPRINT_DATA_DIR=$PWD/data"
# What a reader did before, and what stands for what a reader has elsewhere.
BEFORE = {
    **dict.fromkeys(("serve", "grpc", "worker"), "export VOICEPRINT_REDIS_URL=$REDIS"),
    "audit verify": "voiceprint audit head --out audit.head",
    "backup": 'ssh() { bash -c "$2"; }',
    "client erase": "voiceprint client extract first.wav --out voiceprints",
    "completion": "mkdir -p ~/.zfunc ~/.config/fish/completions",
    "client convert": "cp --recursive archive voiceprints",
    "erase": f"voiceprint keys create old-crm || true; {SAYS_YES}",
    "heads remove": "voiceprint heads add age.toml",
    "keyring drop": f"voiceprint keyring create; voiceprint keyring rotate; {SAYS_YES}",
    "keyring rotate": "voiceprint keyring create",
    "keyring list": "voiceprint keyring create",
    "keys create": "voiceprint keyring create",
    "keys list": "voiceprint keyring create",
    "keys revoke": "voiceprint keyring create; voiceprint keys create crm",
    "models quantize": SAYS_YES,
    "models retire": f"cp --remove-destination $VOICEPRINT_MODELS_DIR/ge2e{{,-int8}}.onnx; {SAYS_YES}",
    "profiles remove": "cp --recursive profiles $VOICEPRINT_MODELS_DIR",
    "profiles show": "cp --recursive profiles $VOICEPRINT_MODELS_DIR",
    "restore": "voiceprint backup appliance.tar; export VOICEPRINT_DATA_DIR=$PWD/restored",
    "": OTHER_DATA,
    "up": OTHER_DATA,
    "verify-backup": "voiceprint backup appliance.tar",
}
# What a reader has is made by these, once.
MADE = """
set -euo pipefail
voiceprint extract call.wav --out archive
cp archive/call.0.vp one.vp; cp archive/call.1.vp two.vp; cp one.vp second.vp; cp one.vp first.vp
voiceprint calibrate speakers/ --profile radio; mv $VOICEPRINT_MODELS_DIR/profiles .
"""


@dataclass(frozen=True)
class Reader:
    """What a reader has: a folder, settings, what stands for names of the examples, and a task for each command that
    erases one."""

    folder: Path
    settings: Mapping[str, str]
    meant: Mapping[str, str]
    tasks: Mapping[str, str]

    def types(self, words: str, line: str, place: Path) -> "subprocess.CompletedProcess[str]":
        """Runs an example of the command `words` in `place`, in which is what the reader has."""
        shutil.copytree(self.folder, place, copy_function=os.link)
        for name, meant in {**self.meant, TASK: self.tasks.get(words, TASK)}.items():
            line = line.replace(name, meant)
        models = with_networks_of(Path(self.settings["VOICEPRINT_MODELS_DIR"]), place / "models")
        own = {"HOME": str(place), "VOICEPRINT_MODELS_DIR": str(models)}
        if words.startswith("key") and words != "keyring sign":
            own |= {"VOICEPRINT_DATA_DIR": str(place / "data"), "VOICEPRINT_KEY_RING": str(place / "key-ring.toml")}
        script = "\n".join(("set -euo pipefail", STOPPED_WHEN_READY, BEFORE.get(words, ""), line))
        return typed(script, place, {**self.settings, **own})


def typed(script: str, place: Path, settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    paths = {"PATH": f"{VOICEPRINT.parent}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}:{ROOT / 'clients/python'}"}
    return subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **paths, **settings},
    )


@pytest.fixture(scope="module")
def reader(models_dir: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """An appliance with a key ring and API keys, and recordings, voiceprints, lists, a network and a head."""
    root = tmp_path_factory.mktemp("reader")
    folder, data, ring = root / "has", root / "data", root / "key-ring.toml"
    folder.mkdir()
    data.mkdir(mode=0o700)
    settings = {
        "VOICEPRINT_DATA_DIR": str(data),
        "VOICEPRINT_KEY_RING": str(ring),
        "VOICEPRINT_MODELS_DIR": str(with_networks_of(models_dir, root / "models")),
    }
    assert typed("voiceprint keyring create", folder, settings).returncode == 0
    key = typed("voiceprint keys create desk", folder, settings).stdout.strip()
    (folder / "key.txt").write_text(key)
    belongings(folder)
    made = typed(MADE, folder, settings)
    assert made.returncode == 0, made.stderr
    kept = Settings(http_port=0, grpc_port=0, data_dir=data, models_dir=models_dir, key_ring=ring, workers=1)
    with running(kept) as appliance, appliance.client(headers={"X-API-Key": key}) as client:
        tasks = {}
        for command in ("erase", "client erase"):
            with (RECORDINGS / "demo.flac").open("rb") as file:
                location = client.post(EXTRACTION, files={"file": file}).headers["Location"]
            ended(client, location)
            tasks[command] = location.rpartition("/")[2]
        (http, grpc) = (address.rpartition(":")[2] for address in (appliance.url, appliance.grpc))
        told = {
            "VOICEPRINT_CLIENT_URL": appliance.url,
            "VOICEPRINT_CLIENT_API_KEY": key,
            "REDIS": redis_url,
            "VOICEPRINT_WORKERS": "1",
            "VOICEPRINT_HTTP_PORT": http,
            "VOICEPRINT_GRPC_PORT": grpc,
        }
        both = f"{appliance.url} --here {appliance.url} --here-key-file key.txt --other-key-file key.txt"
        meant = {"https://old.example": both, "--port 8000": "", "--port 8080": ""}
        yield Reader(folder, settings | told, meant, tasks)


def belongings(folder: Path) -> None:
    """Recordings, lists of them, speakers, a network and a head."""
    for name in ("calls", "incoming", "recordings", "voices"):
        (folder / name).mkdir()
    soundfile.write(folder / "call.wav", *soundfile.read(RECORDINGS / "call.flac"))
    for name in ("calls", "incoming", "recordings"):
        shutil.copy(folder / "call.wav", folder / name)
    for name, recording in (("first.wav", "demo.flac"), ("second.wav", "mpeg.mp3"), ("other.wav", "stranger.flac")):
        shutil.copy(RECORDINGS / recording, folder / name)
        shutil.copy(RECORDINGS / recording, folder / "voices" / name)
    (folder / "list.txt").write_text("first.wav\nsecond.wav\n")
    pq.write_table(pa.table({"call_id": ["one", "two"], "path": ["first.wav", "second.wav"]}), folder / "calls.parquet")
    made_voices.written(folder / "speakers")
    (folder / "trials.txt").write_text("1 first.wav second.wav\n0 first.wav other.wav\n")
    small_graphs.written(small_graphs.wespeaker(metadata=small_graphs.EXPORTED), folder / "network.onnx")
    write_head(folder, constant(33.0), name="age")


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, marks=pytest.mark.long) if words in LONG else words for words in EXAMPLES],
    ids=lambda words: words.replace(" ", "-") or "voiceprint",
)
def test_examples(words: str, reader: Reader, tmp_path: Path) -> None:
    """They end with exit code 0, or when they are stopped."""
    for number, line in enumerate(EXAMPLES[words]):
        done = reader.types(words, line, tmp_path / str(number))
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
