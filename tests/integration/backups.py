"""The commands of backup and restore, as an operator runs them."""

import subprocess
import sys
from pathlib import Path

from appliance.settings import Settings, child_environment
from tests.patience import PATIENCE

VOICEPRINT = Path(sys.executable).with_name("voiceprint")
RING = """
[[key]]
id = {id}
secret = "{secret}"
created = 2026-01-01T00:00:00Z
"""


def ring(path: Path, *, key_id: int = 1, secret: str = "QUFB" * 10 + "QUE=") -> Path:
    path.write_text(RING.format(id=key_id, secret=secret))
    path.chmod(0o600)
    return path


def tried(settings: Settings, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    """`voiceprint` with `words`, whatever comes of it; never a stack trace."""
    found = subprocess.run(
        [VOICEPRINT, *words],
        env=child_environment(settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in found.stderr, found.stderr
    return found


def run(settings: Settings, *words: str | Path) -> str:
    """What it says on both outputs, when it succeeds."""
    found = tried(settings, *words)
    assert found.returncode == 0, found.stderr
    return found.stdout + found.stderr


def refused(settings: Settings, *words: str | Path) -> str:
    found = tried(settings, *words)
    assert found.returncode in {1, 2}, found.stdout + found.stderr
    assert "error: " in found.stderr
    return found.stderr
