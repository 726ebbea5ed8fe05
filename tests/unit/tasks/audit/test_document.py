"""What docs/audit.md tells a third party is enough to check a log."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from pybase64 import b64encode

from tasks.audit import What, segments
from tests.unit.tasks.audit.logs import ROTATED, filled

DOCUMENT = (Path(__file__).parents[4] / "docs/audit.md").read_text()


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring.toml"
    keys = (f'[[key]]\nid = {n}\nsecret = "{b64encode(secret).decode()}"\n' for n, secret in ROTATED.secrets.items())
    path.write_text("".join(keys))
    return path


def checked(*words: Path) -> "subprocess.CompletedProcess[str]":
    """What the program in the document says."""
    (program,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *words], capture_output=True, text=True, check=False
    )


def test_its_program_checks_a_log(ring: Path, tmp_path: Path) -> None:
    """With nothing but the ring and the files, over a rotation of keys; an event that was changed is named."""
    path = tmp_path / "audit.log"
    filled(path, 10, segment_bytes=2000)
    head = filled(path, 10, ring=ROTATED, segment_bytes=2000)
    files = [*segments.earlier(path), path]
    assert checked(ring, *files).stdout == f"20 events are whole; head {head.mac.hex()}\n"
    files[0].write_bytes(files[0].read_bytes().replace(b"task 3", b"task 4"))
    assert "AssertionError: event 4" in checked(ring, *files).stderr


@pytest.mark.parametrize("what", get_args(What))
def test_every_event_is_in_its_table(what: str) -> None:
    """With when it is written, whose doing it is, and its fields."""
    table = DOCUMENT.partition("## Events")[2].partition("\n## ")[0]
    assert f"`{what}`" in table
