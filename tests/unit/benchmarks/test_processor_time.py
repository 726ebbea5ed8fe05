"""Processor time of other processes."""

import os
import subprocess
import sys

from benchmarks import processor_time

_SPINS = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"


def test_a_child_that_worked() -> None:
    """What a child has used up is told while it lives, and counted as its parent's children's once it is buried."""
    before = processor_time.of_children(os.getpid())
    command = [sys.executable, "-c", _SPINS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert processor_time.own(child.pid) >= 0.2
        assert child.pid in processor_time.family(os.getpid())
        assert processor_time.words(child.pid) == command
        child.communicate(b"\n")
    assert processor_time.of_children(os.getpid()) - before >= 0.15
