"""The default model's own profile as a command."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from onnx_models.brought.made_up_speech import made_up_speech
from onnx_models.calibration import Calibration
from tests.patience import PATIENCE

RATE = 16_000


@pytest.mark.long
def test_mean_and_calibration_are_written_beside_a_card(tmp_path: Path, models_dir: Path) -> None:
    """Six made-up voices of one recording each give a mean of the model's dimension and a calibration; a seventh, of
    another folder, is passed over."""
    rows = ["file,speaker,sex", "elsewhere/7.wav,7,F"]
    (tmp_path / "taken").mkdir()
    generator = np.random.default_rng(1)
    for speaker, pitch in enumerate((85, 105, 130, 160, 200, 250)):
        samples = made_up_speech(pitch, 2.5, RATE) + generator.normal(0, 0.003, 40_000)
        soundfile.write(tmp_path / f"taken/{speaker}.wav", samples, RATE, subtype="PCM_16")
        rows.append(f"taken/{speaker}.wav,{speaker},{'MF'[speaker % 2]}")
    (tmp_path / "speech.csv").write_text("\n".join(rows))
    words = [tmp_path / "speech.csv", "--only", "taken", "--out", tmp_path / "out", "--models-dir", models_dir]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.default_profile", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "all: 6 speakers" in done.stdout
    assert "M: 3 speakers" in done.stdout
    mean = np.load(tmp_path / "out/ge2e-mean.npy")
    assert (mean.shape, mean.dtype) == ((256,), np.float32)
    assert 0.5 < np.linalg.norm(mean) < 1
    calibration = Calibration.from_record(json.loads((tmp_path / "out/ge2e-calibration.json").read_bytes()))
    assert calibration.long_speech < 2.5
