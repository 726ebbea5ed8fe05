"""The comparison of the front ends with their libraries, as a command."""

import subprocess
import sys

import pytest

from benchmarks.front_ends import COMPARISONS
from tests.patience import PATIENCE


@pytest.mark.long
def test_both_tables() -> None:
    """Every front end has its differences and its speed."""
    command = [sys.executable, "-m", "benchmarks.front_ends", "--seconds", "6", "--rounds", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    differences, speeds = done.stdout.split("\n\n")
    for comparison in COMPARISONS:
        assert differences.count(comparison.family) == 8
        assert speeds.count(comparison.family) == 1
