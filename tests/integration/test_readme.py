"""The README's examples run as they stand, but for the address and the folder they are run in."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Appliance
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder where the README's relative paths lead to the right files."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    return tmp_path


def run(command: list[str], example: str, appliance: Appliance, place: Path) -> str:
    example = example.replace("http://127.0.0.1:8000", appliance.url)
    done = subprocess.run(
        [*command, example],
        check=False,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", PYTHON, ids=["requests", "library"])
def test_python_examples(example: str, appliance: Appliance, place: Path) -> None:
    """Both Python examples end without an exception; the client's own assertion holds."""
    run([sys.executable, "-W", "error", "-c"], example, appliance, place)


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_curl_example(appliance: Appliance, place: Path) -> None:
    """The curl example prints the finished task."""
    (example,) = (block for block in SHELL if "curl" in block)
    printed = run(["bash", "-euc"], example, appliance, place)
    assert '"state":"done"' in printed
    assert '"vector_voiceprint":[' in printed


def test_make_targets_exist() -> None:
    """Every make target that the README names is there."""
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", "\n".join(SHELL) + "".join(re.findall(r"`make [a-z-]+`", README)))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_commands_exist() -> None:
    """Every `voiceprint` command that the README shows has a help page."""
    shown = set(re.findall(r"bin/voiceprint ((?:models|redis) [a-z]+|[a-z]+)", "\n".join(SHELL)))
    shown |= set(re.findall(r"`voiceprint ((?:models|redis) [a-z]+|[a-z]+)", README))
    for command in shown - {"models", "redis"}:
        done = subprocess.run(
            [Path(sys.executable).with_name("voiceprint"), *command.split(), "--help"], check=False, capture_output=True
        )
        assert done.returncode == 0, command
