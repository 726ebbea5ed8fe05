"""Memory that is freed stays with the process."""

import subprocess
import sys

_SCRIPT = """
import resource
from tasks.memory import keep_freed

keep_freed()
taken = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
filled = [b"x" * (8 << 20) for _ in range(4)]
del filled
before = taken()
filled = [b"y" * (8 << 20) for _ in range(4)]
print(taken() - before)
"""


def test_memory_is_not_taken_anew() -> None:
    """What was freed is filled again without a page from the system."""
    told = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 100
