"""A command, and how long it and all that it leaves behind have kept processors busy.

    python -m benchmarks.reaped COMMAND...

Prints a line of JSON after whatever the command prints: its exit code, its seconds, and the seconds of all processors.
Some of what it starts outlives it for a moment, and would be counted nowhere.
"""

import ctypes
import os
import resource
import subprocess
import sys
import time

from schemas import json

# Linux's PR_SET_CHILD_SUBREAPER: who loses their parent are this process's children.
_SUBREAPER = 36


def main(command: list[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise SystemExit(f"orphans cannot be waited for: {os.strerror(ctypes.get_errno())}")
    started = time.perf_counter()
    code = subprocess.call(command)  # noqa: S603
    seconds = time.perf_counter() - started
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {"code": code, "seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime}
    sys.stdout.buffer.write(json.encode(told) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
