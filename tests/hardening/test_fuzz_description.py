"""Requests made from the appliance's own description, right ones and wrong ones: what comes back is what it says."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import Appliance
from tests.made_keys import made_keys

HERE = Path(__file__).parent
# Beside some two thousand requests that are made of every bound and every type; many more are for those who have time:
# schemathesis --config-file tests/hardening/fuzzing.toml run http://127.0.0.1:8000/openapi.json --max-examples 1000
EXAMPLES = "5"


def fuzz(appliance: Appliance, folder: Path, *options: str) -> None:
    """Asks for every operation, singly and one after the other, and checks all that schemathesis can check."""
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "--no-color",
        "--config-file",
        HERE / "fuzzing.toml",
        "run",
    ]
    options = (*options, "--seed", "1", "--max-examples", EXAMPLES, "--no-shrink", "--continue-on-failure")
    done = subprocess.run(
        [*command, f"{appliance.url}/openapi.json", *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"([0-9]+) generated, \1 passed", done.stdout)
    assert found is not None, done.stdout
    assert int(found[1]) > 1000


@pytest.mark.timeout(300)
def test_answers_are_as_described(client: httpx.Client, appliance: Appliance, tmp_path: Path) -> None:
    """No 500, no status, type, header or body that is not described; wrong methods are refused, what was erased is
    gone, and what was accepted is there."""
    assert client.get("/health").status_code == 200
    fuzz(appliance, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_answers_with_keys_are_as_described(start_appliance: Callable[..., Appliance], tmp_path: Path) -> None:
    """With keys set as well, and nothing is answered without one that is said to need one."""
    (key,) = made_keys(tmp_path / "data", "fuzzer")
    started = start_appliance()
    fuzz(started, tmp_path, "--header", f"Authorization: Bearer {key}", "--phases", "examples,coverage")
    assert "Traceback" not in (started.data_dir / "up.log").read_text()
