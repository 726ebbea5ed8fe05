"""Core dumps: what is in the memory of the appliance's processes stays there."""

import subprocess
import sys

from tests.patience import PATIENCE

SAID = """
import atexit, resource, sys
atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE)))
sys.argv = ["voiceprint", "--version"]
from appliance.__main__ import main
main()
"""


def test_no_process_leaves_one() -> None:
    """Neither may it take the limit away again."""
    done = subprocess.run([sys.executable, "-c", SAID], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.splitlines()[-1] == "(0, 0)"
