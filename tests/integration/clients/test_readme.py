"""The examples of the Python client's README run as they stand, but for the address."""

import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import RECORDINGS, Appliance
from voiceprint_client import Client

CLIENT = Path(__file__).parents[3] / "clients/python"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (CLIENT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
FIRST, METHODS, AWAITED, MANY, TASKS, OPTIONS, FAULTS = EXAMPLES
# What stands between them in a reader's own program.
BEFORE = "from voiceprint_client import *\nclient, paths = Client(), ['call.wav', 'none.wav']\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the recordings that the examples name."""
    for name, recording in (("call.wav", "ulaw-8k.wav"), ("first.wav", "gsm-8k.wav"), ("second.mp3", "mpeg.mp3")):
        shutil.copy(RECORDINGS / recording, tmp_path / name)
    return tmp_path


def printed(program: str, appliance: Appliance, place: Path) -> str:
    program = program.replace("Client()", "Client('http://127.0.0.1:8000')").replace(
        "http://127.0.0.1:8000", appliance.url
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=False,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(CLIENT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_example_is_three_lines(appliance: Appliance, place: Path) -> None:
    """They print a vector."""
    assert len([line for line in FIRST.splitlines() if line]) == 3
    assert printed(FIRST, appliance, place).startswith("array('f', [")


def test_the_other_examples(appliance: Appliance, place: Path) -> None:
    """One after the other, in one program."""
    awaiting = "async def main():\n" + textwrap.indent(AWAITED, "    ") + "import asyncio\nasyncio.run(main())\n"
    told = printed(
        BEFORE + METHODS + awaiting + "client = Client()\n" + MANY + TASKS + FAULTS + "client.close()\n",
        appliance,
        place,
    )
    assert "s of speech" in told
    assert "ready ['ge2e']" in told
    assert "No such file" in told


def test_the_options_are_those_that_there_are() -> None:
    """The example that needs an appliance of its own names every option, with its default where it has one."""
    options = inspect.signature(Client).parameters
    assert re.findall(r"^    (\w+)=", OPTIONS, re.MULTILINE) == [name for name in options if name != "url"]
    for name, shown in re.findall(r"^    (timeout|patience|within|erase)=([^,]+),", OPTIONS, re.MULTILINE):
        assert str(options[name].default).removesuffix(".0") == shown.strip('"')
