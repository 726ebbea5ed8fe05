"""Commands that are given pipes, devices and damaged files, run as a person runs them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.exit_codes import ExitCode
from onnx_models import profiles, registry
from tests.conftest import RECORDINGS
from tests.patience import PATIENCE

Run = Callable[..., "subprocess.CompletedProcess[str]"]
VOICEPRINT = Path(sys.executable).with_name("voiceprint")


@pytest.fixture
def own_models(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with the networks and room for more."""
    folder = tmp_path / "models"
    folder.mkdir()
    for network in models_dir.glob("*.onnx"):
        (folder / network.name).symlink_to(network)
    return folder


@pytest.fixture
def run(own_models: Path, tmp_path: Path) -> Run:
    """Runs `voiceprint` with words in the test's folder."""

    def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [VOICEPRINT, *words],
            env=os.environ | {"VOICEPRINT_MODELS_DIR": str(own_models), "COLUMNS": "200"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("heads", "add", "pipe"), ExitCode.MISCONFIGURED),
        (("heads", "add", "zero"), ExitCode.MISCONFIGURED),
        (("calibrate", "pipe", "--root", "."), ExitCode.MISCONFIGURED),
        (("calibrate", "zero", "--root", "."), ExitCode.MISCONFIGURED),
        (("convert", "pipe", "zero", "-"), ExitCode.REFUSED),
        (("extract", "pipe", "zero", "-"), ExitCode.REFUSED),
    ],
)
def test_what_has_no_end_or_no_writer(run: Run, tmp_path: Path, words: tuple[str, ...], code: ExitCode) -> None:
    """A pipe that nobody writes into and a device without an end are refused by name, neither waited for nor read."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    refused = run(*words)
    assert refused.returncode == code
    named = [word for word in words if word in {"pipe", "zero"}]
    lines = refused.stderr.splitlines()
    assert len(lines) == len(named)
    for name, line in zip(named, lines, strict=True):
        assert name in line
        assert "it is not a plain file" in line


def test_a_pipe_among_recordings(run: Run, tmp_path: Path) -> None:
    """A pipe in a speaker's folder is named and passed over, and the exit code says so."""
    for speaker, recording in (("ann", "demo.flac"), ("bob", "stranger.flac")):
        (tmp_path / "speech" / speaker).mkdir(parents=True)
        for name in ("1.flac", "2.flac"):
            shutil.copy(RECORDINGS / recording, tmp_path / "speech" / speaker / name)
    os.mkfifo(tmp_path / "speech/ann/pipe.wav")
    done = run("calibrate", "speech", "--measure")
    assert done.returncode == ExitCode.REFUSED, done.stderr
    assert "error: speech/ann/pipe.wav: it is not a plain file, so it can be no recording" in done.stderr


def test_a_damaged_profile_is_listed_and_removed(run: Run, own_models: Path) -> None:
    """A profile that cannot be read is marked and named, the others are shown, and it can be removed."""
    path = profiles.profile_path("broken", registry.speaker_card("ge2e").space, own_models)
    path.parent.mkdir(parents=True)
    path.write_text("[" * 100_000)
    listed = run("profiles", "list")
    assert listed.returncode == ExitCode.REFUSED
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["default", "broken"]
    assert "damaged" in listed.stdout.splitlines()[2]
    assert listed.stderr == f"error: {path} is not a profile: it is nested too deeply; calibrate again\n"
    removed = run("profiles", "remove", "broken")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert run("profiles", "list").returncode == 0
