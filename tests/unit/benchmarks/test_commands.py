"""The benchmarks as commands."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from onnx_models.session import cuda_devices
from tests.patience import PATIENCE

RECORDINGS = Path(__file__).parents[2] / "recordings"


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.mark.long
def test_accuracy(tmp_path: Path, models_dir: Path) -> None:
    """Two speakers of two recordings each give a table with every condition."""
    for speaker, names in (("one", ("demo.flac", "mpeg.mp3")), ("two", ("answer.flac", "again.flac"))):
        (tmp_path / speaker).mkdir()
        for name in names:
            shutil.copy(RECORDINGS / name.replace("again", "answer"), tmp_path / speaker / name)
    done = run("benchmarks.accuracy", tmp_path, "--models-dir", models_dir)
    assert done.returncode == 0, done.stderr
    assert "2 target and 4 non-target trials" in done.stdout
    for condition in ("whole", "10 s of speech", "1 s of speech", "GSM full rate", "MP3 at 32", "white noise at 5 dB"):
        assert condition in done.stdout


@pytest.mark.skipif(bool(cuda_devices()), reason="refuses only where there is no CUDA device")
def test_gpu_check_without_a_gpu(tmp_path: Path, models_dir: Path) -> None:
    """On a machine without CUDA the check says so, exits with 2 and writes nothing."""
    done = run("benchmarks.gpu_check", "--models-dir", models_dir, "--out", tmp_path / "figures.json")
    assert done.returncode == 2
    assert "no CUDA device is present" in done.stderr
    assert not (tmp_path / "figures.json").exists()


@pytest.mark.long
def test_gpu_check_is_tried_on_a_processor(tmp_path: Path, models_dir: Path) -> None:
    """What a GPU is asked for is run: both networks in both precisions, batches, callers that share, recordings."""
    (tmp_path / "recordings").mkdir()
    for name in ("demo.flac", "answer.flac"):
        shutil.copy(RECORDINGS / name, tmp_path / "recordings")
    done = run(
        *("benchmarks.gpu_check", "--device", "cpu", "--models-dir", models_dir, "--out", tmp_path / "figures.json"),
        *("--recordings", tmp_path / "recordings", "--seconds", "0.01", "--rounds", "1", "--largest-batch", "4"),
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_bytes())
    names = [network["network"] for network in figures["networks"]]
    assert names == ["ge2e, 32 bits", "ge2e, 16 bits", "ecapa-512, 32 bits", "ecapa-512, 16 bits"]
    for network in figures["networks"]:
        assert network["agree"]
        assert {speed["batch"] for speed in network["speeds"]} == {1, 4}
    assert figures["extraction"]["recordings"] == 2


@pytest.mark.long
def test_bulk(tmp_path: Path) -> None:
    """Three conversions of one small archive are compared with what went in, and timed."""
    done = run("benchmarks.bulk", "--rows", "3000", "--rounds", "1", "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3,000 voiceprints of 256 values" in done.stdout
