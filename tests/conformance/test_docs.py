"""The shell examples of docs/grpc.md run as they stand, but for the address and the folder they are run in."""

import os
import re
import subprocess
from pathlib import Path

from tests.conformance.conftest import CLIENTS, Server
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/grpc.md").read_text(), re.MULTILINE | re.DOTALL)


def test_examples(server: Server, tmp_path: Path) -> None:
    """What stands in them after the installation prints the score of a recording with itself."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    commands = [line for line in "".join(EXAMPLES).splitlines() if not line.startswith(("make ", "pip "))]
    assert commands
    script = "\n".join(commands).replace("--plaintext", " ".join(("--host", server.host, *server.options)))
    ended = subprocess.run(
        ["bash", "-euc", script],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | server.environment | {"PATH": f"{CLIENTS}:{os.environ['PATH']}"},
    )
    assert ended.returncode == 0, ended.stderr
    heading, score = ended.stdout.splitlines()[-2:]
    assert heading == "Score:"
    assert float(score) > 0
