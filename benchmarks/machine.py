"""What this machine can do at most, measured in the run whose figures are held against it."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from threadpoolctl import threadpool_limits

from onnx_models.session import Session, open_session

# A core on which goals are stated: its fp32 matrix product runs at so many GFLOP/s.
REFERENCE_RATE = 100.0
_SIZE, _TIMES = 1024, 9
_OPSET, _IR_VERSION = 17, 8


def matrix_rate() -> float:
    """GFLOP/s of the fp32 matrix product on one thread of one core, by whoever is faster, numpy or onnxruntime.

    Numpy's BLAS does not know every processor, and may be half as fast as it could. Medians of a few products, by
    processor time, which other programs on the machine disturb less than the clock's.
    """
    random = np.random.default_rng(0)
    one, other = (random.normal(size=(_SIZE, _SIZE)).astype(np.float32) for _ in range(2))
    result, network = np.empty_like(one), _product()
    with threadpool_limits(limits=1, user_api="blas"):
        by_numpy = _rate(lambda: np.matmul(one, other, out=result))
    return max(by_numpy, _rate(lambda: network.run(("product",), {"one": one, "other": other})))


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


def _rate(product: Callable[[], object]) -> float:
    product()
    seconds = []
    for _ in range(_TIMES):
        started = time.thread_time()
        product()
        seconds.append(time.thread_time() - started)
    return 2e-9 * _SIZE**3 / statistics.median(seconds)


@cache
def _product() -> Session:
    ports = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [_SIZE, _SIZE])
        for name in ("one", "other", "product")
    }
    node = helper.make_node("MatMul", ["one", "other"], ["product"])
    graph = helper.make_graph([node], "product", [ports["one"], ports["other"]], [ports["product"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    return open_session(model.SerializeToString(), "cpu")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
