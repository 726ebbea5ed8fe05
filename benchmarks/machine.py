"""What this machine can do at most, measured in the run whose figures are held against it."""

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

# A core on which goals are stated: its fp32 matrix product runs at so many GFLOP/s.
REFERENCE_RATE = 100.0
_SIZE, _TIMES = 1024, 9


def matrix_rate() -> float:
    """GFLOP/s of numpy's fp32 matrix product on one thread of one core: the median of a few products.

    By processor time, which other programs on the machine disturb less than the clock's.
    """
    random = np.random.default_rng(0)
    one, other = (random.normal(size=(_SIZE, _SIZE)).astype(np.float32) for _ in range(2))
    result, seconds = np.empty_like(one), []
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in range(_TIMES):
            started = time.thread_time()
            np.matmul(one, other, out=result)
            seconds.append(time.thread_time() - started)
    return 2e-9 * _SIZE**3 / statistics.median(seconds)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def description() -> dict[str, Any]:
    """The machine for a file of figures."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
