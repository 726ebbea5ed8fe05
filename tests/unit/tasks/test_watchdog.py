"""What hangs ends its process, however many others are watched beside it."""

import subprocess
import sys

import pytest

from tests.patience import PATIENCE

HANG = """
import ctypes, threading
from tasks.watchdog import bounded

def hang(seconds):
    with bounded(seconds):
        # A function of the C library, called as Python calls its own: no other thread runs until it returns.
        ctypes.PyDLL(None).sleep(1000)
"""


def ran(code: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-c", HANG + code], capture_output=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("beside", ["a longer one", "a shorter one that has ended", "one in another thread"])
def test_what_hangs_ends_its_process(beside: str) -> None:
    """Whatever began before or beside it, and however long that may take, the process ends and shows where it was."""
    code = {
        "a longer one": "with bounded(1000):\n    hang(0.2)",
        "a shorter one that has ended": "with bounded(0.1):\n    pass\nhang(0.2)",
        "one in another thread": """
threading.Thread(target=threading.Event().wait, daemon=True).start()
with bounded(1000):
    waiting = threading.Thread(target=hang, args=(0.2,))
    waiting.start()
    waiting.join()
""",
    }[beside]
    ended = ran(code)
    assert ended.returncode == 1
    assert b"Timeout" in ended.stderr
    assert b"in hang" in ended.stderr


def test_what_ends_in_time_ends_nothing() -> None:
    """A process lives on when what was watched is over, of several one by one, in whatever order."""
    ended = ran("""
import time
first, second = bounded(1), bounded(1.5)
first.__enter__(); second.__enter__()
second.__exit__(None, None, None); first.__exit__(None, None, None)
third = bounded(600); third.__enter__()
time.sleep(2)
""")
    assert ended.returncode == 0, ended.stderr
