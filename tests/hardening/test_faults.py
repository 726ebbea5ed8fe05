"""A short round of the fault suite; `make faults` is the long one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_a_short_round_loses_nothing(models_dir: Path, tmp_path: Path) -> None:
    """While processes die and freeze, connections break, the power goes and a bit flips, with a key ring and API keys,
    every acknowledged task ends once, as undisturbed, or stays erased."""
    command = [sys.executable, "-m", "tests.faults", "--short", "--secured", "--seed", "1", "--tasks", "60"]
    ran = subprocess.run(
        [*command, "--minutes", "5", "--only", "signals,connections,lost_tail,flipped_bit", "--folder", tmp_path],
        cwd=ROOT,
        env=os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
