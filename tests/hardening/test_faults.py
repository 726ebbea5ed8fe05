"""A short round of the fault suite; `make faults` is the long one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_a_short_round_loses_nothing(models_dir: Path, tmp_path: Path) -> None:
    """While processes die and freeze and the power goes, every acknowledged task ends once, as undisturbed."""
    command = [sys.executable, "-m", "tests.faults", "--short", "--seed", "1", "--tasks", "150", "--minutes", "1"]
    ran = subprocess.run(
        [*command, "--only", "signals", "--folder", tmp_path],
        cwd=ROOT,
        env=os.environ | {"VOICEPRINT_MODELS_DIR": str(models_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
