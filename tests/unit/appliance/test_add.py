"""`voiceprint models add` and `models quantize`, run as a person and as a script run them."""

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from appliance.exit_codes import ExitCode
from onnx_models import registry
from tests.conftest import RECORDINGS
from tests.patience import PATIENCE
from tests.unit.onnx_models import small_graphs

Run = Callable[..., "subprocess.CompletedProcess[str]"]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")
SAID = ("--licence", "MIT", "--training-data", "nothing", "--published-eer", "none", "--sample-rate", "16000")


@pytest.fixture
def own_models(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the shipped networks and room for others."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("ge2e", registry.VOICE_ACTIVITY_MODEL):
        shutil.copy(registry.card(name).path(models_dir), folder)
    return folder


@pytest.fixture
def environment(own_models: Path, tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "VOICEPRINT_MODELS_DIR": str(own_models),
        "VOICEPRINT_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "200",
        "TERM": "dumb",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


def test_added_model_is_one_of_all(run: Run, own_models: Path, tmp_path: Path) -> None:
    """A graph with metadata becomes a model that is listed, verified and extracts; what was decided is told."""
    said = {"framework": "wespeaker", "sample_rate": "16000", "output_dim": "256"}
    path = small_graphs.written(small_graphs.wespeaker(metadata=said), tmp_path / "My Net.onnx")
    done = run("models", "add", path, *SAID[:6])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(own_models / "my-net.onnx")]
    assert "family: kaldi-fbank80-hamming (its metadata says framework wespeaker)" in done.stderr
    assert "no mean and no calibration yet" in done.stderr
    assert "`voiceprint calibrate DIR --model my-net`" in done.stderr
    assert "my-net" in run("models", "list").stdout
    assert run("models", "verify", "my-net").returncode == 0
    extracted = run("extract", "--model", "my-net", RECORDINGS / "demo.flac")
    assert (extracted.returncode, extracted.stderr) == (0, "")
    again = run("models", "add", path, *SAID)
    assert again.returncode == ExitCode.MISCONFIGURED
    assert "already a model 'my-net'" in again.stderr


def test_a_folder_that_takes_no_model_is_named_first(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """A models folder that cannot be written to is refused before the graph is looked into."""
    path = small_graphs.written(small_graphs.wespeaker(), tmp_path / "net.onnx")
    (tmp_path / "file").touch()
    environment["VOICEPRINT_MODELS_DIR"] = str(tmp_path / "file" / "models")
    tried = run("models", "add", path, *SAID)
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert tried.stderr.splitlines() == [f"error: {tmp_path}/file/models cannot be written to: Not a directory"]


def test_what_is_missing_is_named(run: Run, tmp_path: Path, own_models: Path) -> None:
    """A script that leaves something out is told every option that it needs, and nothing is installed."""
    path = small_graphs.written(small_graphs.waveform(outputs=("one", "two")), tmp_path / "net.onnx")
    tried = run("models", "add", path)
    assert tried.returncode == ExitCode.MISCONFIGURED
    for option in ("--output", "--sample-rate", "--licence", "--training-data", "--published-eer"):
        assert option in tried.stderr
    assert "--family" not in tried.stderr
    assert not (own_models / "cards").exists()


def test_options_of_the_front_end(run: Run, tmp_path: Path, own_models: Path) -> None:
    """Options are given by key and value, and those that the front end does not have are refused."""
    path = small_graphs.written(small_graphs.waveform(), tmp_path / "net.onnx")
    assert "is not KEY=VALUE" in run("models", "add", path, *SAID, "--option", "unit_variance").stderr
    assert "does not take the options" in run("models", "add", path, *SAID, "--option", "unheard=1").stderr
    done = run("models", "add", path, *SAID, "--option", "unit_variance=true", "--output", "embedding")
    assert done.returncode == 0, done.stderr
    assert registry.speaker_card("net", own_models).family_options == {"unit_variance": True}


def test_a_person_is_asked(environment: dict[str, str], own_models: Path, tmp_path: Path) -> None:
    """On a terminal every gap is a question, with an answer suggested where one is likely."""
    path = small_graphs.written(small_graphs.three_d_speaker(), tmp_path / "net.onnx")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [VOICEPRINT, "models", "add", path], env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    told = b""
    for question, answer in [
        (b"Sample rate, hertz [16000]:", b"\n"),
        (b"Licence of the weights:", b"CC-BY-4.0\n"),
        (b"Speech that it was trained on:", b"many voices\n"),
        (b"Published EER, and on which test [none]:", b"\n"),
    ]:
        end = time.monotonic() + PATIENCE
        while question not in told and time.monotonic() < end:
            told += os.read(ours, 65_536)
        assert question in told
        os.write(ours, answer)
    printed, _ = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert process.returncode == 0
    assert printed.decode().splitlines() == [str(own_models / "net.onnx")]
    card = registry.speaker_card("net", own_models)
    assert (card.sample_rate, card.licence, card.training_data) == (16_000, "CC-BY-4.0", "many voices")


def test_hostile_files_are_one_line(run: Run, own_models: Path, tmp_path: Path) -> None:
    """A file that is refused is one line of an error; nothing is installed."""
    model = small_graphs.wespeaker()
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    path = small_graphs.written(model, tmp_path / "net.onnx")
    tried = run("models", "add", path, *SAID)
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert tried.stderr.splitlines()[-1].startswith("error: the weights 'hidden.weight' lie in another file")
    assert "Traceback" not in tried.stderr
    assert not (own_models / "cards").exists()


@pytest.fixture
def speakers(tmp_path: Path) -> Path:
    """Two recordings each of two folders, which are as good as speakers here."""
    for name, recordings in {"one": ("demo.flac", "answer.flac"), "two": ("opus.opus", "ulaw-8k.wav")}.items():
        for recording in recordings:
            folder = tmp_path / "speakers" / name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(RECORDINGS / recording, folder)
    return tmp_path / "speakers"


def test_quantize_reports_before_it_installs(run: Run, own_models: Path, speakers: Path) -> None:
    """Without a yes there is a report and nothing else; with it, a second model of the same space."""
    tried = run("models", "quantize", "ge2e", "--name", "ours", "--calibrate", speakers)
    assert tried.returncode == ExitCode.MISCONFIGURED
    assert "say yes with --yes" in tried.stderr
    rows = dict(line.split("\t", 1) for line in tried.stdout.splitlines())
    assert rows.keys() == {"", "megabytes", "times real time", "EER", "cosine, mean", "cosine, least"}
    assert rows["EER"].count("%") == 2
    assert not (own_models / "cards").exists()

    (own_models / "cards").touch()
    blocked = run("models", "quantize", "ge2e", "--name", "ours", "--calibrate", speakers, "--yes")
    assert blocked.returncode == ExitCode.MISCONFIGURED
    assert (blocked.stdout, len(blocked.stderr.splitlines())) == ("", 1)
    assert f"{own_models}/cards cannot be written to" in blocked.stderr
    (own_models / "cards").unlink()

    done = run("models", "quantize", "ge2e", "--name", "ours", "--calibrate", speakers, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(own_models / "ours.onnx")
    card = registry.speaker_card("ours", own_models)
    original = registry.speaker_card("ge2e")
    assert (card.space, card.dimension) == (original.space, original.dimension)
    assert (registry.load_mean(card) == registry.load_mean(original)).all()
    assert run("extract", "--model", "ours", RECORDINGS / "demo.flac").returncode == 0
    assert "already a model 'ge2e-int8'" in run("models", "quantize", "ge2e", "--calibrate", speakers).stderr


def test_quantize_to_16_bits(run: Run, own_models: Path, speakers: Path) -> None:
    """What is made for GPUs is weighed where it is made, has a card of its own and shares the space."""
    done = run("models", "quantize", "ge2e", "--bits", "16", "--calibrate", speakers, "--yes")
    assert done.returncode == 0, done.stderr
    assert "there is no GPU here" in done.stderr
    assert done.stdout.splitlines()[-1] == str(own_models / "ge2e-fp16.onnx")
    assert registry.speaker_card("ge2e-fp16", own_models).space == registry.speaker_card("ge2e").space
    assert run("extract", "--model", "ge2e-fp16", RECORDINGS / "demo.flac").returncode == 0
